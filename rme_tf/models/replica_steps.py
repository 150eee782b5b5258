"""Steps of several replicas: refusals, traces, and logs of several workers."""

from collections.abc import Callable

import tensorflow as tf

from rme_tf.core import keras_compat, replicas
from rme_tf.core.optimizer_updates import accumulation_steps, leaves


def check_replicas(model, optimizer, algorithm, options) -> None:
    """Checks the options of `compile` for several replicas.

    For these, Keras updates weights in a condition of the graph, where a replica may not, or the optimizer is changed
    during a step, while the replicas share it.

    Args:
        model: Keras model.
        optimizer: Keras optimizer.
        algorithm: `Algorithm` of the training.
        options: keyword arguments of `compile`.

    Raises:
        ValueError: for an optimizer or an option that several replicas do not have.
    """
    number = model.distribute_strategy.num_replicas_in_sync
    if number == 1:
        return
    averages = any(leaf.use_ema for leaf in leaves(optimizer))
    stages = getattr(algorithm, "update", None) == "sequential"
    unfit = {
        "`gradient_accumulation_steps` (take a larger `batch_size`)": accumulation_steps(optimizer) > 1,
        "`ema_overwrite_frequency`": averages and any(leaf.ema_overwrite_frequency for leaf in leaves(optimizer)),
        "`use_ema` in the sequential update": averages and stages,
        "`jit_compile=True`": options.get("jit_compile") is True,
    }
    named = [name for name, has in unfit.items() if has]
    if named:
        raise ValueError(
            f"{number} replicas of a `tf.distribute` strategy update weights together, outside of conditions of the "
            f"graph. Expected a training without {' and '.join(named)}. Received: {type(optimizer).__name__}."
        )


def clip_sums(model, optimizer) -> None:
    """Makes an optimizer clip gradients summed over replicas, see `replicas.summed`."""
    if model.distribute_strategy.num_replicas_in_sync > 1:
        for leaf in leaves(optimizer):
            keras_compat.take_sums(leaf)


class ReplicaStep:
    """A train or test function of the replicas of a strategy.

    In aggressive training it is one of two for each step.

    Over several workers it has one trace for batches of every size. Their collective operations match by the order of
    their traces, but the last batch may have fewer rows on one worker than on another: the step would be traced again
    there alone, and wait for ever.

    Args:
        make: function () -> Keras's function of a list of batches.
        model: `VAE` of a strategy.
        chooses: whether the decoder may wait. A replica cannot update weights in a condition of the graph, so Python
            reads before each step whether it does.
    """

    def __init__(self, make: Callable, model, *, chooses: bool):
        self.model, self.chooses = model, chooses
        self.once = replicas.has_workers(model.distribute_strategy) and not model.run_eagerly
        self.functions = {moves: make() for moves in ((False, True) if chooses else (True,))}
        self.traced: dict = {}

    def __call__(self, batches, spec=None):
        """Returns the logs of a step.

        Args:
            batches: list of a batch, or iterator of batches.
            spec: signature of the batches, if it is known.
        """
        loop = self.model.inner_loop
        loop.moves_now = bool(loop.due()) if self.chooses else True
        function = self.functions[loop.moves_now]
        if spec is None or not self.once:
            return function(batches)
        key = spec, loop.moves_now
        if key not in self.traced:
            self.traced[key] = tf.function(lambda batch: function([batch]), input_signature=[spec], autograph=False)
        return self.traced[key](batches[0])


def one_for_each_worker(logs: dict) -> dict:
    """Returns the logs of a step in the form that Keras reduces.

    Over several workers Keras takes means along the first axis, which scalars do not have.

    Args:
        logs: scalars by name.
    """
    if not replicas.has_workers(tf.distribute.get_strategy()):
        return logs
    return {name: tf.reshape(value, [1]) for name, value in logs.items()}
