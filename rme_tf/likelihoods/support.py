"""Checks of observations against a likelihood's support, in Python and in graphs."""

import math
import re

import numpy as np
import tensorflow as tf

from rme_tf.core.arrays import chunks_of

LEAST_PIXEL = 16  # 8-bit pixels have a larger value, while labels and counts are mostly smaller
LARGEST = 1e15  # size of an unbounded observation, whose square in units of a small scale is finite in float32
PIXELS = " They look like 8-bit pixels, 0 to 255: divide them by 255."
GRAY = ' Gray values between 0 and 1 have likelihood="continuous_bernoulli".'
MISSING = " If NaN is a missing entry, build the model with `missing=True`."
REMEDIES = {  # by the kind of the values
    "columns": "Encode the table with data.tables.TableEncoding, or choose another likelihood.",
    "pixels": "Scale or binarize the data, or choose another likelihood.",
    "tokens": "Pad on the right, leave out empty rows, and take the tokenizer of this vocabulary.",
    "bounded": (
        "Scale the data, or take `interval=None` for real values of any size (by name: "
        "likelihood_options=dict(interval=None))."
    ),
    "real": "Standardize the data, or choose another likelihood.",
    "counts": "Give whole numbers, neither scaled nor logarithms, or choose another likelihood.",
}


def check_support(likelihood, x, name: str) -> None:
    """Checks that all entries are in the support.

    Args:
        likelihood: likelihood with the support.
        x: array or tensor of observations. Shape [N, *event_shape].
        name: name of the argument, for messages.

    Raises:
        ValueError: if an entry is outside of the support.
    """
    outside, first, pixels, gray = 0, None, True, True
    for part in chunks_of(x):
        inside = likelihood.in_support(tf.convert_to_tensor(part))
        if tf.reduce_all(inside):
            continue
        part, inside = np.asarray(part), np.asarray(inside)
        first = part[~inside].flat[0] if first is None else first
        outside += inside.size - int(np.count_nonzero(inside))
        pixels = pixels and bool(_looks_like_pixels(tf.convert_to_tensor(part)))
        gray = gray and bool(np.all((part >= 0) & (part <= 1)))
    if first is not None:
        hint = MISSING if math.isnan(first) else PIXELS if pixels else GRAY if gray else ""
        raise ValueError(_sentence(likelihood, name, first, outside / math.prod(x.shape), hint))


def guarded(likelihood, x, name: str):
    """Returns a batch checked in graph code.

    The message of its error contains the message of `check_support`.

    Args:
        likelihood: likelihood with the support.
        x: tensor of observations. Shape [B, *event_shape].
        name: name of the argument, for messages.
    """
    inside = likelihood.in_support(x)

    def refuse():
        """Returns an operation that raises the error with the first value outside."""
        first = tf.boolean_mask(x, tf.logical_not(inside))[0]
        share = 1.0 - tf.reduce_mean(tf.cast(inside, tf.float32))
        plain, pixels, gray, missing = (
            _sentence(likelihood, name, "{value}", "{share}", hint) for hint in ("", PIXELS, GRAY, MISSING)
        )
        values = tf.cast(x, tf.float32)
        text = tf.where(_looks_like_pixels(x), pixels, plain)
        text = tf.where(tf.reduce_all((values >= 0.0) & (values <= 1.0)), gray, text)
        text = tf.where(tf.math.is_nan(tf.cast(first, tf.float32)), missing, text)
        for key, value in {"value": _printed(first), "share": tf.strings.as_string(100.0 * share, precision=2)}.items():
            text = tf.strings.regex_replace(text, rf"\{{{key}\}}", value)
        with tf.control_dependencies([tf.debugging.Assert(False, [text])]):
            return tf.constant(True)

    with tf.control_dependencies([tf.cond(tf.reduce_all(inside), lambda: tf.constant(True), refuse)]):
        return tf.identity(x)


def sentence_in(message: str) -> str | None:
    """Returns the message of `check_support` in a graph's error, or None."""
    remedies = "|".join(map(re.escape, REMEDIES.values()))
    match = re.search(rf"\w+ expects [^\n]*?(?:{remedies})", message)
    return re.sub(r"\\(['\"\\])", r"\1", match[0]) if match else None


def _sentence(likelihood, name: str, value, share, hint: str) -> str:
    share = share if isinstance(share, str) else f"{100.0 * share:.2f}"
    fits = {
        PIXELS: likelihood.interval == (0.0, 1.0),
        GRAY: likelihood.support.startswith("binary"),
        MISSING: likelihood.observation_dtype.is_floating,
    }.get(hint, True)
    return (
        f"{type(likelihood).__name__} expects {likelihood.support}. Received: `{name}` with {value} among its values "
        f"({share}% of them outside).{hint if fits else ''} {REMEDIES.get(likelihood.values, REMEDIES['pixels'])}"
    )


def _looks_like_pixels(x):
    """Returns whether values are whole numbers from 0 to 255 and the largest is at least `LEAST_PIXEL`."""
    values = tf.cast(x, tf.float32)
    whole = tf.reduce_all(tf.equal(values, tf.round(values)) & (values >= 0.0) & (values <= 255.0))
    return whole & (tf.reduce_max(values) >= LEAST_PIXEL)


def _printed(value):
    """Returns a scalar as text, like NumPy: whole numbers of floating dtypes have a decimal."""
    text = tf.strings.as_string(value, shortest=True) if value.dtype.is_floating else tf.strings.as_string(value)
    return tf.strings.regex_replace(text, r"^(-?\d+)$", r"\1.0") if value.dtype.is_floating else text
