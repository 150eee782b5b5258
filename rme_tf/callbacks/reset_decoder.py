"""New decoder weights during training, against posterior collapse."""

import contextlib
import random
from collections.abc import Callable

import keras

from rme_tf.core.optimizer_state import forget
from rme_tf.models.compatibility import decoder_example
from rme_tf.networks.copies import fresh_copy, renew
from rme_tf.networks.training_mode import state_moved


class ResetDecoder(keras.callbacks.Callback):
    """Gives p(x|z) new weights, and the optimizer no memory of the old ones, when an epoch begins.

    The weights are those of the decoder and of the likelihood that train, and moving statistics; frozen layers and what
    was adapted (`Normalization`) stay. The encoders, trained until then as those of an
    autoencoder (`kl_weight` 0, by an `Annealing` with a `delay`), keep what they have learned: the pre-training
    against posterior collapse. The new weights are drawn by the model's own seed: a resumed training draws the same.
    The optimizer's copies of weights (averages of `use_ema`, say) begin at the new ones.

    Args:
        epoch: at whose beginning, counted from 0.
        initialise: function of new networks and likelihoods, a list, and a seed, which draws their weights; those of
            Keras's initialisers stay unless given.

    Raises:
        ValueError: if `epoch` is negative.

    References:
        Li et al. (2019), https://arxiv.org/abs/1909.00868
    """

    def __init__(self, epoch: int, initialise: Callable[[list, int], None] | None = None):
        super().__init__()
        if epoch < 0:
            raise ValueError(f"`epoch` must not be negative. Received: {epoch}.")
        self.epoch, self.initialise = epoch, initialise

    def on_epoch_begin(self, epoch, logs=None):
        """Acts in its epoch."""
        if epoch != self.epoch:
            return
        model, replaced = self.model, []
        example = decoder_example(model.decoder, model.latent_dim, model.likelihood)
        moved = state_moved(model.decoder, example)
        with _initialisers_seeded(int(model.seed_generator.next()[0])):
            decoder = fresh_copy(model.decoder)
            decoder(example)  # which builds it
            fresh = [decoder, fresh_copy(model.likelihood)]
            if self.initialise is not None:
                self.initialise(fresh, random.randrange(2**31))
        for new_part, part in zip(fresh, (model.decoder, model.likelihood), strict=True):
            renew(part, new_part, moved)
            replaced += part.trainable_variables
        forget(model.optimizer, replaced)


@contextlib.contextmanager
def _initialisers_seeded(seed: int):
    """Lets Keras's initialisers, which ask Python's generator for seeds, draw the same again; that is put back."""
    state = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(state)
