"""TensorFlow checkpoints of variables, whose integers may have been of another width, and directories for them."""

import tensorflow as tf

_VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"  # what follows the path to a variable in the keys of a checkpoint
_OF_ALL = ("_CHECKPOINTABLE_OBJECT_GRAPH", f"save_counter{_VALUE}")  # keys that every checkpoint has


def restore(path: str, parts: dict) -> None:
    """Restores what `tf.train.Checkpoint(**parts)` has saved, integers of any width: int32 ones into int64 variables.

    TensorFlow itself refuses every other type than the saved one.

    Args:
        path: prefix of the checkpoint.
        parts: names, and a `tf.Variable` or a list of them for each.

    Raises:
        AssertionError, ValueError, tf.errors.InvalidArgumentError: if the checkpoint is of other variables.
    """
    saved = tf.train.load_checkpoint(path).get_variable_to_dtype_map()
    converted = []

    def stand_in(key, variable):
        dtype = saved.get(key + _VALUE, variable.dtype)
        if dtype == variable.dtype or not (dtype.is_integer and variable.dtype.is_integer):
            return variable
        other = tf.Variable(tf.zeros(variable.shape, dtype), trainable=False)
        converted.append((variable, other))
        return other

    targets = {
        name: [stand_in(f"{name}/{index}", variable) for index, variable in enumerate(part)]
        if isinstance(part, list)
        else stand_in(name, part)
        for name, part in parts.items()
    }
    tf.train.Checkpoint(**targets).restore(path).assert_consumed()
    for variable, other in converted:
        variable.assign(tf.cast(other, variable.dtype))


def last_checkpoint_of(parts: dict, directory, later: str | None = None) -> tf.train.CheckpointManager:
    """Returns the manager of a directory that keeps the last checkpoint of lists of variables, and deletes any other.

    Args:
        parts: names, and a list of `tf.Variable`s for each.
        directory: of these checkpoints alone.
        later: name of a part that older checkpoints do not have.

    Raises:
        ValueError: if the directory holds a checkpoint of other variables, which the next save would delete.
    """
    manager = tf.train.CheckpointManager(tf.train.Checkpoint(**parts), str(directory), max_to_keep=1)
    if manager.latest_checkpoint:
        older = {name: part for name, part in parts.items() if name != later}
        shapes = tf.train.load_checkpoint(manager.latest_checkpoint).get_variable_to_shape_map()
        found = {key: list(shape) for key, shape in shapes.items() if key not in _OF_ALL}
        if found not in (_shapes_of(parts), _shapes_of(older)):
            raise ValueError(
                f"Expected a directory for these checkpoints alone. Received: {directory}, which holds a checkpoint of "
                "another model. Choose another directory."
            )
    return manager


def _shapes_of(parts: dict) -> dict[str, list]:
    """Returns key in a checkpoint -> shape."""
    return {
        f"{name}/{index}{_VALUE}": variable.shape.as_list()
        for name, part in parts.items()
        for index, variable in enumerate(part)
    }
