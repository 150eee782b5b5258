"""Likelihood of the columns of a table, of several kinds."""

import dataclasses
import math
from collections.abc import Iterable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from rme_tf.core.validation import check_choice, is_size, require
from rme_tf.likelihoods.base import Likelihood
from rme_tf.likelihoods.bernoulli import Bernoulli
from rme_tf.likelihoods.counts import log_one_plus
from rme_tf.likelihoods.levels import LevelDistribution
from rme_tf.likelihoods.negative_binomial import NegativeBinomial
from rme_tf.likelihoods.normal import Normal
from rme_tf.likelihoods.one_hot import OneHot
from rme_tf.likelihoods.poisson import Poisson
from rme_tf.likelihoods.student_t import StudentT

KINDS = ("binary", "category", "count", "real")
REALS = {"normal": Normal, "student_t": StudentT}
COUNTS = {"negative_binomial": NegativeBinomial, "poisson": Poisson}
SCALES = {"decoded": "decoded", "per_column": "per_pixel"}


@dataclasses.dataclass(frozen=True)
class Block:
    """Entries of one kind and one number of levels."""

    kind: str
    levels: int  # 1 unless the kind is "category"
    entries: np.ndarray  # positions in an observation  [n]


@keras.saving.register_keras_serializable("rme_tf")
class Columns(Likelihood):
    """Independent columns given z: real, counts, binary and categories.

        log p(x|z) = sum over columns of log p(x_column|z)

    An observation has one entry for each column, and one for each level of a category, which is one-hot. The decoder
    gives, for entries of each kind together: locations of real columns, log-means of counts, and logits. The encoders
    read log(1 + x) of counts. A category counts once: its log-probability is in the entry of its level.

    Args:
        event_shape: shape of one observation, (F,) if `kinds` are given.
        kinds: kind of each column, "real", "count", "binary" or ("category", L) with the number of levels L, such as
            `TableEncoding.kinds`; None for real columns only.
        real: density of real columns, "normal" or "student_t", for outliers.
        count: distribution of counts, "negative_binomial" with a dispersion for each column, or "poisson".
        scale: scale of real columns, "per_column" (one learned scale a column) or "decoded" (of each row).
        initial_scale: scale of real columns before training, positive; they are expected to be standardized.
        min_scale: floor of the scale of real columns, positive.

    Raises:
        ValueError: if the kinds do not fit the shape, a name is unknown, or a number is out of range.

    References:
        Nazabal et al. (2020), https://arxiv.org/abs/1807.03653
    """

    support = "encoded columns: real values, counts, 0 or 1, and one-hot categories"
    values = "columns"
    bits_offset = math.nan
    unconstrained = "locations, log-means and logits"

    def __init__(
        self,
        event_shape,
        kinds: Sequence | None = None,
        real: str = "normal",
        count: str = "negative_binomial",
        scale: str = "per_column",
        initial_scale: float = 1.0,
        min_scale: float = 0.01,
        **kwargs,
    ):
        super().__init__(event_shape, **kwargs)
        require(kinds is None or len(self.event_shape) == 1, "event_shape", "have one axis for `kinds`", event_shape)
        self.has_kinds = kinds is not None
        self.kinds = checked_kinds(kinds, math.prod(self.event_shape))
        check_choice("real", real, REALS)
        check_choice("count", count, COUNTS)
        check_choice("scale", scale, SCALES)
        sizes: dict[str, Any] = {"initial_scale": initial_scale, "min_scale": min_scale}
        self.options: dict[str, Any] = {"real": real, "count": count, "scale": scale, **sizes}
        self._layout = Layout(self.kinds)
        self.likelihoods = [self._likelihood(block) for block in self._layout.blocks]

    def _likelihood(self, block: "Block") -> Likelihood:
        """Returns the likelihood of all entries of one kind."""
        size = len(block.entries)
        if block.kind == "category":
            return OneHot((size // block.levels, block.levels))
        if block.kind == "binary":
            return Bernoulli((size,))
        if block.kind == "count":
            options = {"dispersion": "per_entry"} if self.options["count"] == "negative_binomial" else {}
            return COUNTS[self.options["count"]]((size,), **options)
        scales = {"scale": SCALES[self.options["scale"]], "interval": None}
        scales |= {name: self.options[name] for name in ("initial_scale", "min_scale")}
        return REALS[self.options["real"]]((size,), **scales)

    @property
    def _sizes(self) -> list[int]:
        """Number of params of each block."""
        return [math.prod(likelihood.params_shape) for likelihood in self.likelihoods]

    @property
    def params_shape(self):
        """Params of each block after another; `event_shape` for one an entry."""
        size = sum(self._sizes)
        return self.event_shape if size == math.prod(self.event_shape) else (size,)

    def encoder_input(self, x):
        """Returns x with log(1 + x) in place of counts. Shape [B, *event_shape]."""
        counts = np.array([kind == "count" for kind, width in self.kinds for _ in range(width)])
        if not counts.any():
            return x
        return tf.where(counts.reshape(self.event_shape), log_one_plus(tf.nn.relu(x)), x)

    def distribution(self, params):
        """Returns the distribution of all columns, batch [...], event `event_shape`."""
        return LevelDistribution(
            tf.convert_to_tensor(params),
            event_shape=self.event_shape,
            num_params_axes=len(self.params_shape),
            log_prob=self.log_prob,
            draw=self._draw,
            mean=self._mean,
            name="Columns",
        )

    def log_prob(self, params, x):
        """Returns log p(x|z) [...], in nats. See `Likelihood`."""
        return tf.reduce_sum(self.entry_log_prob(params, x), axis=self.event_axes)

    def entry_log_prob(self, params, x):
        """Returns log p(x_i|z) of each entry, 0 for a category's other levels."""
        x = tf.cast(x, tf.float32)
        parts = zip(self.likelihoods, self._split_params(params), self._split(x), strict=True)
        return self._joined([likelihood.entry_log_prob(*part) for likelihood, *part in parts])

    def _draw(self, params, seed):
        seeds = tf.random.split(seed, len(self.likelihoods))
        parts = zip(self._distributions(params), tf.unstack(seeds), strict=True)
        return self._joined([tf.cast(p.sample(seed=part), tf.float32) for p, part in parts])

    def _mean(self, params):
        return self._joined([p.mean() for p in self._distributions(params)])

    def _distributions(self, params):
        parts = zip(self.likelihoods, self._split_params(params), strict=True)
        return [likelihood.distribution(part) for likelihood, part in parts]

    def _split_params(self, params):
        """Returns the params [..., *params_shape] of each block."""
        flat = with_axes(params, len(self.params_shape), (sum(self._sizes),))
        parts = tf.split(flat, self._sizes, axis=-1)
        return [with_axes(part, 1, block.params_shape) for part, block in zip(parts, self.likelihoods, strict=True)]

    def _split(self, x):
        """Returns the entries [..., *event_shape] of each block."""
        flat = with_axes(x, len(self.event_shape), (math.prod(self.event_shape),))
        whole = len(self.likelihoods) == 1
        parts = [flat if whole else tf.gather(flat, block.entries, axis=-1) for block in self._layout.blocks]
        return [with_axes(part, 1, block.event_shape) for part, block in zip(parts, self.likelihoods, strict=True)]

    def _joined(self, parts: list):
        """Returns values [..., *event_shape], in the order of the columns, of the values of each block."""
        flat = [
            with_axes(part, len(block.event_shape), (math.prod(block.event_shape),))
            for part, block in zip(parts, self.likelihoods, strict=True)
        ]
        joined = flat[0] if len(flat) == 1 else tf.gather(tf.concat(flat, axis=-1), self._layout.positions, axis=-1)
        return with_axes(joined, 1, self.event_shape)

    def example(self, batch_size: int = 1):
        """Returns zeros, and the first level of categories. Shape [batch_size, *event_shape]."""
        return self._joined([likelihood.example(batch_size) for likelihood in self.likelihoods])

    def in_support(self, x):
        """Returns whether each entry is in the support of its column."""
        parts = zip(self.likelihoods, self._split(tf.cast(x, tf.float32)), strict=True)
        return self._joined([likelihood.in_support(part) for likelihood, part in parts])

    def of_pixel(self):
        """Raises ValueError, since columns differ."""
        raise ValueError("Entry by entry, columns have no common likelihood: choose a decoder of whole rows.")

    def get_config(self):
        """Returns the arguments of the constructor."""
        kinds = [list(kind) for kind in self.kinds] if self.has_kinds else None
        return {**super().get_config(), "kinds": kinds, **self.options}


class Layout:
    """Blocks of equal columns, and positions that restore their order.

    Args:
        kinds: kind and width of each column.
    """

    def __init__(self, kinds):
        entries: dict[tuple[str, int], list[int]] = {}
        start = 0
        for kind, width in kinds:
            entries.setdefault((kind, width), []).extend(range(start, start + width))
            start += width
        self.blocks = [Block(*key, np.array(positions)) for key, positions in sorted(entries.items())]
        self.positions = np.argsort(np.concatenate([block.entries for block in self.blocks]))


def checked_kinds(kinds, size: int) -> list[tuple[str, int]]:
    """Returns kind and width of each column.

    Args:
        kinds: kinds or (kind, width) of the columns; None for real columns.
        size: number of entries F of an observation.

    Raises:
        ValueError: for another value, or another number of entries.
    """
    if kinds is None:
        return [("real", 1)] * size
    listed = isinstance(kinds, Iterable) and not isinstance(kinds, str)
    pairs: list[Any] = [(kind, 1) if isinstance(kind, str) else kind for kind in (kinds if listed else ())]
    expected = f"be a sequence of {KINDS[0]!r}, ('category', L), {KINDS[2]!r} or {KINDS[3]!r}, one for each column"
    for pair in pairs:
        fits = isinstance(pair, Sequence) and len(pair) == 2 and pair[0] in KINDS and is_size(pair[1])
        require(fits and (pair[0] == "category") == (pair[1] > 1), "kinds", expected, repr(pair))
    require(pairs, "kinds", expected, repr(kinds))
    width = sum(width for _, width in pairs)
    require(width == size, "kinds", f"have {size} entries in all, the size of an observation", f"kinds of {width}")
    return [(kind, int(width)) for kind, width in pairs]


def with_axes(values, count: int, axes):
    """Returns values with other last axes of the same size.

    Args:
        values: tensor. Shape [..., last axes].
        count: number of the last axes.
        axes: shape that replaces them.
    """
    if count == len(axes) == 1:
        return values
    return tf.reshape(values, tf.concat([tf.shape(values)[: len(values.shape) - count], axes], axis=0))
