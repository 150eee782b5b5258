"""TensorFlow checkpoints of variables, and managers of their directories."""

import tensorflow as tf

VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"  # end of the key of a variable in a checkpoint
_OF_ALL = ("_CHECKPOINTABLE_OBJECT_GRAPH", f"save_counter{VALUE}")  # keys of every checkpoint


def restore(path: str, parts: dict) -> None:
    """Restores a checkpoint of `tf.train.Checkpoint(**parts)`, with integers of any width.

    A saved int32 is restored to an int64 variable, for example; TensorFlow itself refuses any other dtype than the
    saved one.

    Args:
        path: prefix of the checkpoint.
        parts: dict from names to a `tf.Variable` or a list of variables.

    Raises:
        AssertionError, ValueError, tf.errors.InvalidArgumentError: if a variable is missing in the checkpoint, or has
            another shape.
    """
    saved = tf.train.load_checkpoint(path).get_variable_to_dtype_map()
    converted = []

    def stand_in(key, variable):
        """Returns a variable of the saved integer type, or the variable itself."""
        dtype = saved.get(key + VALUE, variable.dtype)
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
    status = tf.train.Checkpoint(**targets).read(path)
    status.assert_existing_objects_matched()
    status.expect_partial()  # the counter of a manager, and arrays of callbacks
    for variable, other in converted:
        variable.assign(tf.cast(other, variable.dtype))


def last_checkpoint_of(parts: dict, directory, later: str | None = None) -> tf.train.CheckpointManager:
    """Returns a manager that keeps the last checkpoint of a directory.

    Args:
        parts: dict from names to a list of `tf.Variable`.
        directory: directory for these checkpoints only; a save deletes all earlier checkpoints.
        later: name of a part that earlier versions did not save.

    Raises:
        ValueError: if the directory has a checkpoint of other variables, which the next save would delete.
    """
    manager = tf.train.CheckpointManager(tf.train.Checkpoint(**parts), str(directory), max_to_keep=1)
    if manager.latest_checkpoint:
        older = {name: part for name, part in parts.items() if name != later}
        if saved_shapes(manager.latest_checkpoint) not in (shapes_of(parts), shapes_of(older)):
            raise ValueError(
                f"Expected a directory for these checkpoints alone. Received: {directory}, which holds a checkpoint of "
                "another model. Choose another directory."
            )
    return manager


def saved_shapes(path: str) -> dict[str, list]:
    """Returns the shapes of the variables in a checkpoint by their keys.

    Args:
        path: prefix of the checkpoint.
    """
    shapes = tf.train.load_checkpoint(path).get_variable_to_shape_map()
    return {key: list(shape) for key, shape in shapes.items() if key not in _OF_ALL}


def shapes_of(parts: dict) -> dict[str, list]:
    """Returns the shapes of variables by their keys in a checkpoint.

    Args:
        parts: dict from names to a list of different variables.
    """
    return {
        f"{name}/{index}{VALUE}": variable.shape.as_list()
        for name, part in parts.items()
        for index, variable in enumerate(part)
    }
