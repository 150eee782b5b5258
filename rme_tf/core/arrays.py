"""Conversion and checks of users' arrays: NumPy, tensors, variables, h5py, pandas."""

import math
from collections.abc import Iterator

import keras
import numpy as np
import tensorflow as tf

CHUNK = 2**22  # values checked at a time, which bounds the memory
UNREAD = ("shape", "dtype", "__getitem__", "__len__")  # members of arrays on disk, which have NumPy's slices


def as_array(data, name: str, expected: str):
    """Returns data as an array, a tensor, or an array on disk.

    An array on disk, such as a data set of h5py, is read by slices only.

    Args:
        data: NumPy array, tensor, variable, or any object with `__array__`.
        name: name of the argument, for messages.
        expected: description of valid data, for messages.

    Raises:
        ValueError: if data are of another type, such as ragged, sparse and masked arrays, or not real numbers.
    """
    array = _dense(data)
    if array is None:
        received, remedy = _described(data, name)
        raise ValueError(f"`{name}` must be {expected}. Received: {received}. {remedy}.")
    check_dtype(array.dtype, name)
    return array


def as_numbers(values, name: str, rank: int | None = None) -> np.ndarray:
    """Returns checked numbers as a float64 array.

    Args:
        values: number, array, tensor or nested lists.
        name: name of the argument, for messages.
        rank: number of axes; None for any number.

    Raises:
        ValueError: if the values are not real numbers, or have another number of axes.
    """
    try:
        entries = np.asarray(values)
        array = entries.astype(np.float64) if entries.dtype.kind in "biuf" else None
    except (TypeError, ValueError):  # ragged lists, and objects that refuse to be arrays
        array = None
    if array is None or (rank is not None and array.ndim != rank):
        axes = "" if rank is None else f" with {rank} axes"
        received = f"{type(values).__name__}" if array is None else f"shape {array.shape}"
        raise ValueError(f"`{name}` must be an array of real numbers{axes}. Received: {received}.")
    return array


def is_array(data) -> bool:
    """Returns whether data are one array, of a valid type or not."""
    kinds = (tf.Tensor, tf.RaggedTensor, tf.SparseTensor, keras.KerasTensor)
    return isinstance(data, kinds) or _is_scipy_sparse(data) or _converts(data)


def is_symbolic(array) -> bool:
    """Returns whether the values of a tensor are unknown (a graph)."""
    return isinstance(array, keras.KerasTensor) or tf.is_symbolic_tensor(array)


def check_dtype(dtype, name: str) -> None:
    """Checks that a dtype is a real number or a boolean.

    Args:
        dtype: dtype of NumPy or TensorFlow.
        name: name of the argument, for messages.

    Raises:
        ValueError: if the dtype is of another kind.
    """
    try:
        known = tf.as_dtype(dtype)
        real = known.is_floating or known.is_integer or known.is_bool
    except TypeError:
        real = False
    if not real:
        received = getattr(dtype, "name", dtype)
        remedy = f' Convert them: np.asarray({name}, "float32").' if received == "object" else ""
        raise ValueError(f"`{name}` must hold real numbers. Received: values of dtype {received}.{remedy}")


def chunks_of(array):
    """Yields slices of the first axis, with about `CHUNK` values each."""
    rows = max(1, CHUNK // max(1, math.prod(array.shape[1:])))
    for start in range(0, len(array), rows):
        part = array if rows >= len(array) else array[start : start + rows]
        yield part if isinstance(part, tf.Tensor) else np.asarray(part)


def _dense(data):
    """Returns data like `as_array`, for any dtype; None if they are of another type."""
    if isinstance(data, np.ma.MaskedArray):
        return None if np.ma.is_masked(data) else data.data
    if isinstance(data, keras.KerasTensor | tf.Tensor | np.ndarray):
        return data
    if isinstance(data, tf.Variable | keras.Variable):
        return tf.convert_to_tensor(data)
    if _is_scipy_sparse(data) or not _converts(data):
        return None
    unread = all(hasattr(data, member) for member in UNREAD) and not hasattr(data, "iloc")  # pandas slices by labels
    return data if unread and isinstance(data.dtype, np.dtype) else np.asarray(data)


def _converts(data) -> bool:
    return hasattr(data, "__array__") and not isinstance(data, type)


def _is_scipy_sparse(data) -> bool:
    return hasattr(data, "tocoo")


def _described(data, name: str) -> tuple[str, str]:
    """Returns a short description of data, and a remedy."""
    kind = type(data).__name__
    if data is None:
        return "None", f"Pass `{name}`"
    if isinstance(data, dict):
        return f"a dict of {len(data)}", f"Pass the array alone: {name}[{next(iter(data), 'key')!r}]"
    if isinstance(data, tf.data.Dataset | keras.utils.PyDataset | Iterator):
        return f"a {kind}", "Pass each of its batches, or all of it to `predict` or `evaluate`"
    if isinstance(data, list | tuple | set | str | bytes):
        return f"a {kind} of {len(data)}", f"Convert it: np.asarray({name})"
    received, conversion = f"a {kind}", f"np.asarray({name})"
    if isinstance(data, np.ma.MaskedArray):
        received = "a masked array with entries that are masked"
        conversion = f"{name}.filled(value), or {name}.astype(float).filled(np.nan) for a model with `missing=True`"
    elif isinstance(data, tf.RaggedTensor):
        received, conversion = "a RaggedTensor", f"{name}.to_tensor()"
    elif isinstance(data, tf.SparseTensor):
        received, conversion = "a SparseTensor", f"tf.sparse.to_dense({name})"
    elif _is_scipy_sparse(data):
        received, conversion = f"a sparse {kind}", f"{name}.toarray()"
    return received, f"Convert it: {conversion}"
