"""Keras's calls on single batches, with checked observations."""

from typing import Any

import keras

from rme_tf.core.argument_checks import checks_inputs
from rme_tf.core.keras_compat import TrainerHooks
from rme_tf.core.outer_calls import internal
from rme_tf.likelihoods import Likelihood
from rme_tf.models.fit_callbacks import check_compiled, stop_if_not_finite
from rme_tf.models.fit_options import refuse_weights


class BatchwiseModel(TrainerHooks):
    """A model with `model(x)` and the methods `*_on_batch`.

    To be implemented by subclasses:
        * `likelihood`: likelihood that checks x.
        * `non_finite`: variable with the first non-finite term of a step.
    """

    likelihood: Likelihood
    non_finite: Any

    @checks_inputs
    def __call__(self, x, *args, **kwargs):
        """Return the result of `call`, like a Keras layer."""
        return super().__call__(x, *args, **kwargs)

    @checks_inputs
    def train_on_batch(self, x, y=None, sample_weight=None, class_weight=None, return_dict=False):
        """Train on one batch; return the quantities of the epoch log.

        Args:
            x: observations. Shape [B, *event_shape].
            y: ignored labels.
            sample_weight: argument of Keras that must be None.
            class_weight: argument of Keras that must be None.
            return_dict: whether to return a dict instead of a list.

        Raises:
            ValueError: if the observations do not fit the likelihood.
            FloatingPointError: if the loss is not finite; the message names the first non-finite term.
        """
        refuse_weights(sample_weight, class_weight)
        check_compiled(self, "train_on_batch")
        self.non_finite.assign(0)
        logs = super().train_on_batch(x, y, return_dict=True)
        stop_if_not_finite(self, logs["loss"], "in `train_on_batch`")
        return logs if return_dict else self.logs_in_order(logs)

    @checks_inputs
    def test_on_batch(self, x, y=None, sample_weight=None, return_dict=False):
        """Return the quantities of the epoch log for one batch."""
        refuse_weights(sample_weight)
        return super().test_on_batch(x, y, return_dict=return_dict)

    @checks_inputs
    def predict_on_batch(self, x):
        """Return arrays `weights` [B, M], `means` [B, M, D], `scales` [B, M, D]."""
        return super().predict_on_batch(x)

    @internal
    def predict_step(self, data):
        """Return the result of `call` for a checked batch."""
        x, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        return super().predict_step(self.likelihood.cast(x))
