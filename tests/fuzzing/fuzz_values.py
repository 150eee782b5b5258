"""Odd values for arguments, words and bytes."""

import pathlib
from typing import Any

import keras
import numpy as np
import tensorflow as tf

INF = float("inf")


class Named:
    """An object of no type that anything expects."""

    def __repr__(self):
        return "Named()"


# What YAML and JSON can hold.
PLAIN: tuple[Any, ...] = (
    *(None, True, False, 0, 1, 2, -1, 7, 10**30, -(10**30), 0.0, 0.5, 1.0, -0.5, 2.5, 1e-30, 1e300),
    *(
        INF,
        -INF,
        float("nan"),
        "",
        " ",
        "x",
        "1",
        "1e-3",
        "nan",
        "None",
        "null",
        "true",
        "..",
        "a b",
        "é",
        "\0",
        "0x10",
    ),
    *([], [1], [0], [-1], [1.5], [True], [None], ["x"], [[1]], [[]], [10**30], ["1", "2"]),
    *(
        {},
        {"name": None},
        {"name": "x"},
        {"name": 1},
        {"x": 1},
        {1: 2},
        {None: 1},
        {"name": []},
        {"name": {"name": "x"}},
    ),
)
ARRAYS: tuple[Any, ...] = (
    *(np.float32(1), np.int64(2), np.bool_(True), np.float64("nan"), np.array(1), np.array([1]), np.array([1.0, 2.0])),
    *(np.array([]), np.zeros((2, 3)), np.array("x"), np.array([None]), np.array([True]), np.datetime64("2020-01-01")),
    *(np.array([np.nan]), np.zeros((0, 3)), np.array([{}]), np.float16(2), np.uint8(255), np.ma.masked_array([1], [1])),
)
OTHERS: tuple[Any, ...] = (
    *(b"x", b"", (), (1,), (0, 1), (1, 2, 3), ("x",), {1}, set(), frozenset({"x"}), range(3), range(0), 1j, object),
    *(
        Named(),
        Named,
        len,
        lambda: None,
        lambda *_: None,
        pathlib.Path("x"),
        iter([1]),
        slice(1),
        Ellipsis,
        NotImplemented,
    ),
    *(
        type,
        int,
        float,
        "x" * 5000,
        "\ud800",
        "a\nb",
        bytearray(b"x"),
        memoryview(b"x"),
        ValueError("x"),
        np,
        np.float32,
    ),
)


def tensors() -> tuple[Any, ...]:
    """Returns values of TensorFlow and Keras."""
    layer = keras.layers.Dense(2, name="layer")
    return (
        *(tf.constant(1), tf.constant(1.5), tf.constant([1, 2]), tf.constant("x"), tf.zeros([2, 2]), tf.Variable(1.0)),
        *(layer, keras.layers.Dense, keras.Input((2,)), tf.data.Dataset.range(2), keras.optimizers.Adam(), tf.float32),
        *(tf.ragged.constant([[1], [1, 2]]), tf.constant(np.nan), tf.constant(True), keras.Variable(1.0), "float32"),
    )


def any_value(rng: np.random.Generator) -> Any:
    """Returns an odd value of any kind."""
    kinds = (PLAIN, PLAIN, ARRAYS, OTHERS, tensors())
    return chosen(rng, kinds[rng.integers(len(kinds))])


def chosen(rng: np.random.Generator, values) -> Any:
    """Returns one of several values, of any types."""
    values = list(values)
    return values[rng.integers(len(values))]


def short(value) -> str:
    """Returns the text of a value, at most 80 characters of it."""
    try:
        text = repr(value)
    except Exception as error:
        text = f"<{type(value).__name__}: {error}>"
    return " ".join(text.split())[:80].encode("utf-8", "backslashreplace").decode()


# Bytes.


def damaged(rng: np.random.Generator, content: bytes) -> tuple[str, bytes]:
    """Returns a description of a damage, and the damaged bytes."""
    changes = (_cut, _flip, _zero, _insert, _repeat, _empty, _other, _swap)
    change = changes[rng.integers(len(changes))]
    return change.__name__.strip("_"), change(rng, content)


def _place(rng, content: bytes) -> int:
    return int(rng.integers(len(content) + 1))


def _cut(rng, content):
    return content[: _place(rng, content)]


def _flip(rng, content):
    array = np.frombuffer(content, np.uint8).copy()
    if array.size:
        places = rng.integers(array.size, size=int(rng.choice([1, 4, 32])))
        array[places] ^= rng.integers(1, 256, size=len(places)).astype(np.uint8)
    return array.tobytes()


def _zero(rng, content):
    start = _place(rng, content)
    return content[:start] + b"\0" * len(content[start : start + 200]) + content[start + 200 :]


def _insert(rng, content):
    start = _place(rng, content)
    added = chosen(
        rng, (b"\xff\xfe", b"\0", b"\xe9", b"\n", b'"', b"{", b"[" * 3000, b"\t", b"\r", b": ", rng.bytes(40))
    )
    return content[:start] + added + content[start:]


def _repeat(rng, content):
    start = _place(rng, content)
    return content[:start] + content[start : start + 400] * 3 + content[start:]


def _empty(rng, content):
    return chosen(rng, (b"", b"\n", b" ", b"\0" * 100))


def _other(rng, content):
    return chosen(
        rng, (b"null", b"[]", b"{}", b"3", b'"x"', b"\x89PNG\r\n\x1a\n", b"PK\x03\x04", rng.bytes(300), b"!!x")
    )


def _swap(rng, content):
    first, second = sorted((_place(rng, content), _place(rng, content)))
    return content[second:] + content[first:second] + content[:first]
