"""New decoder weights during training, against posterior collapse."""

import random
from collections.abc import Callable

import keras

from rme_tf.core.optimizer_state import forget
from rme_tf.core.seeds import seeded_initializers
from rme_tf.core.validation import check_count
from rme_tf.models.compatibility import decoder_example
from rme_tf.networks.copies import fresh_copy, renew
from rme_tf.networks.training_mode import state_moved


class ResetDecoder(keras.callbacks.Callback):
    """Replaces the weights of p(x|z) at the start of an epoch.

    Trainable weights of the decoder and the likelihood, and moving statistics, are replaced; frozen layers and adapted
    layers (`Normalization`) are not. The optimizer's state of these weights is reset, and its copies of weights, such
    as the averages of `use_ema`, start at the new ones. The encoders keep their weights: trained as an autoencoder
    until then (`kl_weight` 0, by an annealing with a `delay`), this is a pre-training against posterior collapse. New
    weights are drawn with the model's seed, so a resumed training draws the same ones.

    Args:
        epoch: epoch of the reset, counted from 0.
        initialize: function of a list of new networks and likelihoods and a seed, which assigns their weights; None
            keeps the weights of Keras's initializers.
        initialise: earlier name of `initialize`.

    Raises:
        ValueError: if `epoch` is negative, or there are two functions.

    References:
        Li et al. (2019), https://arxiv.org/abs/1909.00868
    """

    def __init__(
        self,
        epoch: int,
        initialize: Callable[[list, int], None] | None = None,
        *,
        initialise: Callable[[list, int], None] | None = None,
    ):
        super().__init__()
        check_count("epoch", epoch, 0)
        if initialize is not None and initialise is not None:
            raise ValueError("Expected one function that initializes. Received: both `initialize` and `initialise`.")
        self.epoch, self.initialize = epoch, initialise if initialize is None else initialize

    def on_epoch_begin(self, epoch, logs=None):
        """Replaces the weights if this is the epoch of the reset."""
        if epoch != self.epoch or self.model.continues_epoch:
            return
        model, replaced = self.model, []
        example = decoder_example(model.decoder, model.latent_dim, model.likelihood)
        moved = state_moved(model.decoder, example)
        with seeded_initializers(int(model.seed_generator.next()[0])):
            decoder = fresh_copy(model.decoder, "decoder")
            decoder(example)  # builds the copy
            new_parts = [decoder, fresh_copy(model.likelihood, "likelihood")]
            if self.initialize is not None:
                self.initialize(new_parts, random.randrange(2**31))
        for new_part, part in zip(new_parts, (model.decoder, model.likelihood), strict=True):
            renew(part, new_part, moved)
            replaced += part.trainable_variables
        forget(model.optimizer, replaced)
