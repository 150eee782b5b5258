"""The updates of an optimizer: their number, and several applications of gradients as one of them."""

import keras
import tensorflow as tf

from rme_tf.core import keras_compat


def leaves(optimizer) -> list:
    """Returns the optimizers that move weights themselves.

    That is the optimizer, the one within a `LossScaleOptimizer`, or those of a `MultiOptimizer`.
    """
    if hasattr(optimizer, "inner_optimizer"):
        return leaves(optimizer.inner_optimizer)
    if hasattr(optimizer, "optimizers"):
        return [leaf for each in optimizer.optimizers for leaf in leaves(each)]
    return [optimizer]


def accumulation_steps(optimizer) -> int:
    """Returns the number of minibatches of one update: `gradient_accumulation_steps`, or 1."""
    return max(getattr(leaf, "gradient_accumulation_steps", None) or 1 for leaf in leaves(optimizer))


def updates_made(optimizer):
    """Returns the number of updates until now, an integer scalar, in a step or outside."""
    iterations = optimizer.iterations  # a variable, or, of an optimizer that accumulates, a tensor
    return getattr(iterations, "value", iterations)


def refuse_accumulation(optimizer, instead: str) -> None:
    """Raises ValueError if an optimizer accumulates, for steps whose later gradients see what earlier ones taught."""
    steps = accumulation_steps(optimizer)
    if steps > 1:
        raise ValueError(
            "Every stage of this update sees what the stages before it have learned from the same minibatch, which "
            "gradients that wait for an update have not taught it. Expected an optimizer without "
            f"`gradient_accumulation_steps` (take a larger `batch_size`), or {instead}. Received: {steps} steps."
        )


def ends_update(optimizer):
    """Returns whether the gradients that were applied last completed an update, a boolean scalar.

    True for every optimizer that does not accumulate.
    """
    steps = accumulation_steps(optimizer)
    if steps == 1:
        return tf.constant(True)
    applied = keras_compat.minibatches_applied(leaves(optimizer)[0])  # minibatches, where `iterations` are updates
    return tf.equal(tf.math.floormod(applied, tf.cast(steps, applied.dtype)), 0)


class OneUpdate:
    """Several applications of gradients, each to some of the variables, that count as one update.

    `iterations` stays where it is until the end, so that schedules and Adam's bias correction do not run once an
    application, and averages of the weights (`use_ema`) move once, at the end.

    Args:
        optimizer: of Keras, which does not accumulate gradients.
    """

    def __init__(self, optimizer):
        self.optimizer = optimizer
        self.iteration = tf.identity(updates_made(optimizer))

    def part(self, apply, *args, **options):
        """Returns `apply(*args, **options)`, which applies gradients once."""
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
        """Moves the averages, as an optimizer does after its gradients, and counts the update."""
        self.optimizer.iterations.assign(self.iteration)
        for leaf in leaves(self.optimizer):
            if leaf.use_ema:
                _move_averages(leaf)
        self.optimizer.iterations.assign(self.iteration + 1)


def _move_averages(optimizer) -> None:
    """The part of Keras's `apply` that is about averages."""
    keras_compat.move_averages(optimizer)
    if optimizer.ema_overwrite_frequency:
        keras.ops.cond(
            (updates_made(optimizer) + 1) % optimizer.ema_overwrite_frequency == 0,
            lambda: keras_compat.overwrite_with_averages(optimizer),
            lambda: None,
        )
