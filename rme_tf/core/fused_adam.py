"""Adam's updates by TensorFlow's fused kernels, with the bits of Keras's updates."""

import contextlib
from typing import Any

import keras
import tensorflow as tf

from rme_tf.core.keras_compat import moments_of
from rme_tf.core.optimizer_updates import leaves


@contextlib.contextmanager
def fused_updates(optimizer, *, exact: bool = True):
    """Returns a context with fewer passes of Adam over weights.

    The exact update is Keras's, operation by operation, in fewer kernels, so its bits are equal. The other one is
    TensorFlow's kernel of Adam, a single pass, which rounds 1 - beta_1 and 1 - beta_2 to the accuracy of 1. Keras
    updates the weights of other optimizers, weights with sparse gradients, on a GPU or of several replicas, and those
    that are not float32. Functions compiled by XLA should not use it: their bits would differ.

    Args:
        optimizer: Keras optimizer.
        exact: whether the new weights have the bits of Keras's.
    """
    chosen = [leaf for leaf in leaves(optimizer) if _is_adam(leaf)]
    for leaf in chosen:
        leaf.update_step = _Update(leaf, exact)
    try:
        yield
    finally:
        for leaf in chosen:
            del leaf.update_step


def _is_adam(optimizer) -> bool:
    """Returns whether the moments and the step are exactly Adam's, with constant rates of decay."""
    if type(optimizer).update_step is not keras.optimizers.Adam.update_step or optimizer.amsgrad:
        return False
    return all(isinstance(beta, float) for beta in (optimizer.beta_1, optimizer.beta_2, optimizer.epsilon))


class _Update:
    """The `update_step` of an Adam for the weights of one call of `apply`."""

    def __init__(self, optimizer, exact: bool):
        self.optimizer, self.exact = optimizer, exact
        self.powers: list = []  # beta_1^t and beta_2^t at step t
        self.rate: Any = None  # learning rate with both bias corrections

    def __call__(self, gradient, variable, learning_rate):
        """Updates a weight and its moments.

        m += (1 - beta_1) (g - m),   v += (1 - beta_2) (g^2 - v),   w -= rate m / (sqrt(v) + epsilon)
        """
        adam = self.optimizer
        if not _is_dense(gradient, variable):
            type(adam).update_step(adam, gradient, variable, learning_rate)
            return
        if not self.powers:
            self._begin(learning_rate)
        gradient = tf.cast(gradient, tf.float32)
        mean, square = (moment.value for moment in moments_of(adam, variable))
        update = self._exact if self.exact else self._single
        update(variable, mean, square, gradient, learning_rate)

    def _begin(self, learning_rate) -> None:
        """Computes the factors that all weights share."""
        adam = self.optimizer
        step = tf.cast(adam.iterations + 1, tf.float32)
        self.powers = [tf.pow(tf.constant(beta, tf.float32), step) for beta in (adam.beta_1, adam.beta_2)]
        if self.exact:
            self.rate = tf.cast(learning_rate, tf.float32) * tf.sqrt(1 - self.powers[1]) / (1 - self.powers[0])

    def _exact(self, variable, mean, square, gradient, learning_rate) -> None:
        del learning_rate
        adam = self.optimizer
        _move(mean, 1 - adam.beta_1, gradient)
        _move(square, 1 - adam.beta_2, tf.square(gradient))
        tf.raw_ops.ResourceApplyAdagradV2(
            var=variable.handle,
            accum=square.handle,
            lr=self.rate,
            epsilon=adam.epsilon,
            grad=mean,
            update_slots=False,
        )

    def _single(self, variable, mean, square, gradient, learning_rate) -> None:
        adam = self.optimizer
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=mean.handle,
            v=square.handle,
            beta1_power=self.powers[0],
            beta2_power=self.powers[1],
            lr=tf.cast(learning_rate, tf.float32),
            beta1=adam.beta_1,
            beta2=adam.beta_2,
            epsilon=adam.epsilon,
            grad=gradient,
        )


def _move(moment, share: float, target) -> None:
    """Moves a moment by a share of its distance from a target."""
    tf.raw_ops.ResourceApplyGradientDescent(var=moment.handle, alpha=share, delta=moment - target)


def _is_dense(gradient, variable) -> bool:
    """Returns whether the kernels apply: one replica, a dense gradient, and a float32 variable of the CPU."""
    if tf.distribute.has_strategy() or not isinstance(variable, tf.Variable) or variable.dtype != tf.float32:
        return False
    return isinstance(gradient, tf.Tensor) and "GPU" not in variable.device
