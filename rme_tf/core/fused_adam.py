"""Adam's updates by TensorFlow's fused kernels, with the bits of Keras's updates."""

import contextlib

import keras
import tensorflow as tf

from rme_tf.core.keras_compat import moments_of
from rme_tf.core.optimizer_updates import leaves


@contextlib.contextmanager
def fused_updates(optimizer):
    """Returns a context with fewer passes of Adam over weights.

    The update is Keras's, operation by operation, in fewer kernels, so its bits are equal. Keras updates the weights of
    other optimizers, weights with sparse gradients, on a GPU or of several replicas, and those that are not float32.
    Functions compiled by XLA should not use it: their bits would differ.

    Args:
        optimizer: Keras optimizer.
    """
    chosen = [leaf for leaf in leaves(optimizer) if _is_adam(leaf)]
    for leaf in chosen:
        leaf.update_step = _Update(leaf)
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

    def __init__(self, optimizer):
        self.optimizer = optimizer
        self.rate = None  # with both bias corrections

    def __call__(self, gradient, variable, learning_rate):
        """Updates a weight and its moments.

        m += (1 - beta_1) (g - m),   v += (1 - beta_2) (g^2 - v),   w -= rate m / (sqrt(v) + epsilon)
        """
        adam = self.optimizer
        if not _is_dense(gradient, variable):
            type(adam).update_step(adam, gradient, variable, learning_rate)
            return
        if self.rate is None:
            self.rate = self._rate(learning_rate)
        gradient = tf.cast(gradient, tf.float32)
        mean, square = (moment.value for moment in moments_of(adam, variable))
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

    def _rate(self, learning_rate):
        """Returns the learning rate with the corrections of both moments."""
        adam = self.optimizer
        step = tf.cast(adam.iterations + 1, tf.float32)
        corrections = [1 - tf.pow(tf.constant(beta, tf.float32), step) for beta in (adam.beta_1, adam.beta_2)]
        return tf.cast(learning_rate, tf.float32) * tf.sqrt(corrections[1]) / corrections[0]


def _move(moment, share: float, target) -> None:
    """Moves a moment by a share of its distance from a target."""
    tf.raw_ops.ResourceApplyGradientDescent(var=moment.handle, alpha=share, delta=moment - target)


def _is_dense(gradient, variable) -> bool:
    """Returns whether the kernels apply: one replica, a dense gradient, and a float32 variable of the CPU."""
    if tf.distribute.has_strategy() or not isinstance(variable, tf.Variable) or variable.dtype != tf.float32:
        return False
    return isinstance(gradient, tf.Tensor) and "GPU" not in variable.device
