"""Private names of Keras and TensorFlow Probability that the library uses.

No other module reads or overrides one. `USES` has a line for each, with the feature that ends without it; the functions
and classes below give them public names. Names that a subclass of a distribution or bijector implements, by TFP's
documentation, are in `EXTENSION_POINTS`.
"""

import functools

import keras

# Releases that the test suite, or its part on these names, was run with. The bounds in setup.py follow from them.
TESTED = {
    "keras": ("3.15.0", "3.15.1", "3.16.0.dev2026102704"),
    "tensorflow": ("2.21.0",),
    "tensorflow-probability": ("0.25.0",),
}

# (owner, name) -> the feature that needs it.
USES = {
    ("keras.Layer", "_clear_losses"): "steps that do not add regularization losses of another graph",
    (
        "keras.Layer",
        "_flatten_layers",
    ): "copies of encoders, export without cuDNN, checks of shared weights",
    ("keras.Layer", "_inbound_nodes"): "the check for a decoder that ends in a sigmoid",
    ("keras.Layer", "_non_trainable_variables"): "copies of encoders with their moving statistics",
    ("keras.Layer", "_trainable_variables"): "copies of encoders with their weights",
    ("keras.KerasTensor", "_keras_history"): "the check for a decoder that ends in a sigmoid",
    ("keras.Model", "_flatten_metrics_in_order"): "the results of `evaluate` and of `*_on_batch` as lists",
    ("keras.Model", "_make_function"): "`steps_per_execution` with exact groups of steps",
    ("keras.Model", "_maybe_symbolic_build"): "`steps_per_execution` with exact groups of steps",
    ("keras.Model.evaluate", "_use_cached_eval_dataset"): "validation data that `fit` checks once, not every epoch",
    ("keras EpochIterator", "_distributed_dataset"): "arrays of `fit` that stay on the device",
    ("keras EpochIterator", "_enumerate_iterator"): "`steps_per_execution` with exact groups of steps",
    ("keras EpochIterator", "_num_batches"): "`steps_per_execution` with exact groups of steps",
    ("keras EpochIterator", "_steps_seen"): "`steps_per_execution` with exact groups of steps",
    ("keras.Optimizer", "_all_reduce_sum_gradients"): "gradients of several replicas that are clipped as on one device",
    ("keras.Adam", "_momentums"): "Adam's updates with half the passes over the weights",
    ("keras.Adam", "_velocities"): "Adam's updates with half the passes over the weights",
    ("keras.Optimizer", "_get_variable_index"): "Adam's updates with half the passes over the weights",
    (
        "keras.callbacks.ModelCheckpoint",
        "_batches_seen_since_last_saving",
    ): "executions of several steps that save in time",
    ("keras.callbacks.TensorBoard", "_should_trace"): "executions of several steps unless some are profiled",
    ("keras.Optimizer", "_iterations"): "updates counted under `gradient_accumulation_steps`",
    ("keras.Optimizer", "_model_variables_moving_average"): "`use_ema` where encoders are copied or reset",
    ("keras.Optimizer", "_overwrite_model_variables_with_average_value"): "`use_ema` in updates of several stages",
    ("keras.Optimizer", "_trainable_variables"): "momentum that is reset with the decoder, and `use_ema`",
    ("keras.Optimizer", "_update_model_variables_moving_average"): "`use_ema` in updates of several stages",
    ("keras.Optimizer", "_variables"): "momentum that is reset with the decoder",
    ("tfp.distributions.Distribution", "_call_sample_n"): "draws of diagonal Gaussians that are quick to trace",
}

# Methods that TFP asks subclasses to implement: `_log_prob` is behind `log_prob`, and so on.
EXTENSION_POINTS = {
    "tfp.distributions.Distribution": (
        "_batch_shape",
        "_batch_shape_tensor",
        "_event_shape",
        "_event_shape_tensor",
        "_log_prob",
        "_mean",
        "_parameter_properties",
        "_sample_and_log_prob",
        "_sample_n",
        "_stddev",
        "_variance",
    ),
    "tfp.bijectors.Bijector": ("_forward", "_inverse", "_parameter_properties"),
}


# Layers.


def layers_of(network) -> list:
    """Return a layer and all its sublayers, at any depth."""
    return network._flatten_layers()


def is_of_keras(thing) -> bool:
    """Returns whether a class or function is defined in Keras."""
    return getattr(thing, "__module__", "").startswith("keras.")


def is_graph(network) -> bool:
    """Returns whether a network is exactly a `keras.Sequential` or functional model.

    Keras exports no public name of the class of functional models.
    """
    return is_of_keras(type(network)) and type(network).__name__ in ("Functional", "Sequential")


def own_variables(layer) -> list:
    """Return the weights of a layer without the weights of sublayers."""
    return layer._trainable_variables + layer._non_trainable_variables


def clear_losses(layer) -> None:
    """Drop the losses of earlier calls of a layer and its sublayers."""
    layer._clear_losses()


def origin(tensor):
    """Return the layer whose call has a symbolic tensor as output."""
    return tensor._keras_history.operation


def inputs_of_origin(tensor) -> list:
    """Return the symbolic inputs of the call with a tensor as output."""
    layer, node, _ = tensor._keras_history
    return layer._inbound_nodes[node].input_tensors


# Optimizers.


def weights_of(optimizer) -> list:
    """Return the weights that a built optimizer updates."""
    return list(optimizer._trainable_variables)


def lists_of(optimizer) -> dict[str, list | tuple]:
    """Return the list attributes of an optimizer, by name.

    The lists of all weights and of all state variables are left out.
    """
    bookkeeping = ("_variables", "_trainable_variables")
    return {
        name: value
        for name, value in vars(optimizer).items()
        if name not in bookkeeping and isinstance(value, list | tuple)
    }


def averages_of(optimizer) -> list:
    """Return an optimizer's averages of weights, none without `use_ema`."""
    return list(getattr(optimizer, "_model_variables_moving_average", [])) if optimizer.use_ema else []


def move_averages(optimizer) -> None:
    """Move the averages of weights towards the current weights."""
    optimizer._update_model_variables_moving_average(optimizer._trainable_variables)


def overwrite_with_averages(optimizer) -> None:
    """Assign the averages of the weights to the weights."""
    optimizer._overwrite_model_variables_with_average_value(optimizer._trainable_variables)


def minibatches_applied(optimizer):
    """Return the number of minibatches whose gradients were applied, an integer scalar.

    It differs from `iterations`, the number of updates, with `gradient_accumulation_steps`.
    """
    return optimizer._iterations.value


def take_sums(optimizer) -> None:
    """Let an optimizer take gradients summed over replicas.

    Keras clips the gradients of each replica, and then sums them.
    """
    optimizer._all_reduce_sum_gradients = list


def moments_of(adam, variable) -> tuple:
    """Return Adam's means of a weight's gradient and squared gradient."""
    index = adam._get_variable_index(variable)
    return adam._momentums[index], adam._velocities[index]


# Training.


class TrainerHooks(keras.Model):
    """A Keras model with public hooks of `fit` and `evaluate`.

    May be implemented by subclasses:
        * `prepare_epochs(epochs)`: called with the iterator of the epochs of a `fit` or an `evaluate`.
        * `made_function(make, training=)`: function that makes a train or test function -> the one that is wrapped.
        * `wrapped_function(function)`: train or test function of a list of batches -> the function that is called.
        * `logs_in_order(logs)`: logs by name -> the result of `evaluate`, `train_on_batch` and `test_on_batch`.
    """

    compiled: bool

    def prepare_epochs(self, epochs) -> None:
        """Leave the iterator of epochs unchanged."""

    def made_function(self, make, *, training):
        """Return a new function."""
        del training
        return make()

    def wrapped_function(self, function):
        """Return the function."""
        return function

    def logs_in_order(self, logs):
        """Return the values of the logs in Keras's order."""
        return super()._flatten_metrics_in_order(logs)

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        # Keras builds a model of a strategy by a batch, also of a prepared iterator, and of replicas with equal numbers
        # of rows alone. The models here are built.
        if iterator is not None:
            self.prepare_epochs(iterator)

    def _make_function(self, step_function):
        make = functools.partial(super()._make_function, step_function)
        return self.wrapped_function(self.made_function(make, training=step_function == self.train_step))

    def _flatten_metrics_in_order(self, logs):
        return self.logs_in_order(logs)


def is_validation(options) -> bool:
    """Return whether `fit` calls `evaluate`, with checked data.

    Args:
        options: keyword arguments of `evaluate`.
    """
    return bool(options.get("_use_cached_eval_dataset"))


def replace_groups(epochs, groups) -> None:
    """Replace the groups of steps of an iterator of epochs.

    Args:
        epochs: iterator of epochs, see `TrainerHooks.prepare_epochs`.
        groups: function of no arguments -> iterator of (first step, last step, iterator of batches).
    """
    epochs._enumerate_iterator = groups


def groups_of(epochs):
    """Return an iterator of Keras's groups of steps of an epoch."""
    return type(epochs)._enumerate_iterator(epochs)


def data_of(epochs):
    """Return the data set of an iterator of epochs."""
    return epochs._distributed_dataset


def replace_data(epochs, data) -> None:
    """Replace the data of an iterator of epochs by another iterable."""
    epochs._distributed_dataset = data


def batches_of_data(epochs) -> int | None:
    """Return the number of batches of the data, or None."""
    return epochs._num_batches


def batches_seen(epochs) -> int:
    """Return the number of batches taken since the start of the data."""
    return epochs._steps_seen


# Callbacks.

STEP_COUNTERS = (keras.callbacks.ModelCheckpoint, keras.callbacks.OrbaxCheckpoint)


def steps_to_save(callback) -> int:
    """Return the number of steps before a callback saves, at least 1.

    Args:
        callback: one of `STEP_COUNTERS`, with an integer `save_freq`.
    """
    return max(1, callback.save_freq - callback._batches_seen_since_last_saving)


def observes_steps(callback) -> bool:
    """Return whether a `TensorBoard` callback writes or profiles single steps."""
    return callback.update_freq != "epoch" or callback.write_steps_per_second or callback._should_trace


# Distributions.


class DrawHooks:
    """Mixin of TFP distributions with draws of any sample shape.

    To be implemented by subclasses:
        * `draws(sample_shape, seed)`: list of sizes or int32 vector, and a stateless or stateful seed -> draws.
    """

    def draws(self, sample_shape, seed):
        """Return draws [*sample_shape, *batch_shape, *event_shape]."""
        raise NotImplementedError

    def _call_sample_n(self, sample_shape, seed, **kwargs):
        del kwargs
        return self.draws(sample_shape, seed)
