"""Updates of an optimizer: counts, and several gradient applications as one."""

import keras
import tensorflow as tf

from rme_tf.core import keras_compat


def leaves(optimizer) -> list:
    """Returns the optimizers that update weights.

    The result is the optimizer, the inner one of a `LossScaleOptimizer`, or all of a `MultiOptimizer`.
    """
    if hasattr(optimizer, "inner_optimizer"):
        return leaves(optimizer.inner_optimizer)
    if hasattr(optimizer, "optimizers"):
        return [leaf for part in optimizer.optimizers for leaf in leaves(part)]
    return [optimizer]


def accumulation_steps(optimizer) -> int:
    """Returns the number of minibatches of an update, `gradient_accumulation_steps` or 1."""
    return max(getattr(leaf, "gradient_accumulation_steps", None) or 1 for leaf in leaves(optimizer))


def updates_made(optimizer):
    """Returns the number of updates so far, an integer scalar.

    This works inside and outside of a training step.
    """
    iterations = optimizer.iterations  # a variable, or a tensor if the optimizer accumulates
    return getattr(iterations, "value", iterations)


def refuse_accumulation(optimizer, instead: str) -> None:
    """Checks that an optimizer does not accumulate gradients.

    The later stages of such a step need the weights that the earlier stages have updated.

    Args:
        optimizer: Keras optimizer.
        instead: alternative to another optimizer, for the message.

    Raises:
        ValueError: if the optimizer has `gradient_accumulation_steps`.
    """
    steps = accumulation_steps(optimizer)
    if steps > 1:
        raise ValueError(
            "Every stage of this update sees what the stages before it have learned from the same minibatch, which "
            "gradients that wait for an update have not taught it. Expected an optimizer without "
            f"`gradient_accumulation_steps` (take a larger `batch_size`), or {instead}. Received: {steps} steps."
        )


def ends_update(optimizer):
    """Returns whether the last gradients completed an update, a boolean scalar.

    The result is True for every optimizer that does not accumulate.
    """
    steps = accumulation_steps(optimizer)
    if steps == 1:
        return tf.constant(True)
    applied = keras_compat.minibatches_applied(leaves(optimizer)[0])  # `iterations` counts updates, not minibatches
    return tf.equal(tf.math.floormod(applied, tf.cast(steps, applied.dtype)), 0)


class OneUpdate:
    """Several applications of gradients that count as one update.

    Each application is for some of the variables. `iterations` changes only at the end, so that schedules and Adam's
    bias correction run once, and averages of weights (`use_ema`) move once, at the end.

    Args:
        optimizer: Keras optimizer that does not accumulate gradients.
    """

    def __init__(self, optimizer):
        self.optimizer = optimizer
        self.iteration = tf.identity(updates_made(optimizer))

    def part(self, apply, *args, **options):
        """Returns `apply(*args, **options)`, which applies gradients once.

        Args:
            apply: function that applies gradients by the optimizer.
            *args: positional arguments of `apply`.
            **options: keyword arguments of `apply`.
        """
        self.optimizer.iterations.assign(self.iteration)
        averaging = [leaf for leaf in leaves(self.optimizer) if leaf.use_ema]
        for leaf in averaging:
            leaf.use_ema = False
        try:
            return apply(*args, **options)
        finally:
            for leaf in averaging:
                leaf.use_ema = True

    def end(self) -> None:
        """Moves the averages of weights and counts the update."""
        self.optimizer.iterations.assign(self.iteration)
        for leaf in leaves(self.optimizer):
            if leaf.use_ema:
                _move_averages(leaf)
        self.optimizer.iterations.assign(self.iteration + 1)


def _move_averages(optimizer) -> None:
    """Updates the averages of weights, like Keras's `apply`."""
    keras_compat.move_averages(optimizer)
    if optimizer.ema_overwrite_frequency:
        keras.ops.cond(
            (updates_made(optimizer) + 1) % optimizer.ema_overwrite_frequency == 0,
            lambda: keras_compat.overwrite_with_averages(optimizer),
            lambda: None,
        )
