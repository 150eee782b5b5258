"""Base class of likelihoods of counts."""

import math

import tensorflow as tf
import tensorflow_probability as tfp

from rme_tf.core.validation import check_choice, check_number
from rme_tf.likelihoods.base import Likelihood
from rme_tf.likelihoods.support import LARGEST

SIZE_FACTORS = ("none", "total")
LINEAR_FROM = 16.0  # log-mean from which the mean is linear: exp(16) = 8.9e6; float32 has all counts up to 1.7e7


class Counts(Likelihood):
    """Base class of likelihoods of counts, with decoded log-means.

    With `size_factor="total"` the decoder returns the composition of an observation alone: its log-means are turned
    into proportions by a softmax over all entries, and the mean of entry i is

        mean_i = l softmax(params)_i,   l = max(sum_i x_i, 1)

    where l is the observed total of the row x, its library size or its length. Then p is p(x|z, l), the probability of
    counts whose expected total is l, at the row that has this total: l is a number, as in scVI with observed library
    sizes, and is not modeled. For `Poisson` it is Multinomial(x; l, proportions) Poisson(l; l). `log_prob`, the ELBO
    and log p(x) are conditional on l in this sense, log p(x|z, l), ELBO and log p(x|l): comparable between models with
    the same size factor only. Without x, as in `sample`, `render` and `decode`, l is `default_total`; `reconstruct`
    takes the l of its x.

    The encoders read log(1 + x), in float32.

    Args:
        event_shape: shape of one observation.
        size_factor: "none" (log-means are decoded) or "total" (the observed total of the row times decoded
            proportions).
        default_total: expected total of a row that is drawn or rendered without x, with the size factor "total".

    Raises:
        ValueError: if `size_factor` is unknown, or `default_total` is not positive.

    To be implemented by subclasses:
        * `num_params`: number of params of each entry of x, log-means first.
        * `entries(log_mean, others)`: log-means [..., *event_shape] and the other params -> scalar `tfd.Distribution`,
          batch [..., *event_shape].
        * `density_of(x)`: counts x -> function (log_mean, others) -> log-probability of each entry, in nats.

    References:
        Lopez et al. (2018), https://doi.org/10.1038/s41592-018-0229-2
    """

    support = "counts, whole numbers of at least 0"
    values = "counts"
    interval = (0.0, math.inf)
    bits_offset = math.nan
    num_params = 1

    def __init__(self, event_shape, size_factor: str = "none", default_total: float = 10_000.0, **kwargs):
        super().__init__(event_shape, **kwargs)
        check_choice("size_factor", size_factor, SIZE_FACTORS)
        self.size_factor = size_factor
        self.default_total = check_number("default_total", default_total, above=0.0)

    @property
    def params_shape(self):
        """`num_params` numbers for each entry of x."""
        if self.num_params == 1:
            return self.event_shape
        return (*self.event_shape[:-1], self.num_params * self.event_shape[-1])

    def entries(self, log_mean, others):
        """Returns the distributions of the entries, batch [..., *event_shape], event []."""
        raise NotImplementedError

    def density_of(self, x):
        """Returns a function, (log_mean, others) -> log-probability of each entry of x."""
        raise NotImplementedError

    def distribution(self, params):
        """Returns independent counts, batch [...], event `event_shape`.

        With a size factor their expected total is `default_total`.
        """
        return self._joint(params, self.default_total)

    def log_prob(self, params, x):
        """Returns log p(x|z), or log p(x|z, l) with a size factor. See `Likelihood`."""
        if self._has_own_distribution:
            return super().log_prob(params, x)
        x = tf.cast(x, tf.float32)
        return self._joint(params, self.total(x)).log_prob(x)

    def entry_log_prob(self, params, x):
        """Returns log p(x_i|z) of each entry. See `Likelihood`.

        Raises:
            ValueError: if there is a size factor, by which entries depend on each other.
        """
        if self._has_own_distribution:
            return super().entry_log_prob(params, x)
        raise ValueError(
            "Log-probabilities of single entries need `size_factor` 'none': with the total of a row they depend on "
            f"each other, and with missing entries it is not known. Received: {self.size_factor!r}."
        )

    @property
    def _has_own_distribution(self) -> bool:
        """Whether `distribution` has all densities: there is no size factor, or a subclass has another one."""
        return self.size_factor == "none" or type(self).distribution is not Counts.distribution

    def prepared(self, x, totals):
        """Returns log p(x|z) of fixed x as a function of the params."""
        x = tf.cast(x, tf.float32)
        density, total = self.density_of(x), self.total(x)
        return lambda params: totals.sum(density(*self._split(params, total)))

    def total(self, x):
        """Returns the totals l of observations, at least 1.

        The axes of an observation have size 1.

        Args:
            x: counts. Shape [..., *event_shape].
        """
        return tf.maximum(tf.reduce_sum(x, axis=self.event_axes, keepdims=True), 1.0)

    def encoder_input(self, x):
        """Returns log(1 + x), the encoders' input for counts x [B, *event_shape]."""
        return log_one_plus(tf.cast(x, tf.float32))

    def as_observed(self, mean, x):
        """Returns means [B, *event_shape] with the totals of x, with a size factor."""
        if self.size_factor == "none":
            return mean
        return mean * (self.total(tf.cast(x, tf.float32)) / self.default_total)

    def _joint(self, params, total):
        entries = self.entries(*self._split(params, total))
        return tfp.distributions.Independent(entries, reinterpreted_batch_ndims=len(self.event_shape))

    def _split(self, params, total):
        """Returns log-means [..., *event_shape], and the other params of the same shape, or None.

        Args:
            params: decoder outputs. Shape [..., *params_shape].
            total: totals l that broadcast against the log-means.
        """
        logits, others = params, None
        if self.num_params > 1:
            logits, others = tf.split(params, 2, axis=-1)
        if self.size_factor == "none":
            return _bounded(logits), others
        log_proportions = logits - tf.reduce_logsumexp(logits, axis=self.event_axes, keepdims=True)
        return tf.math.log(total) + log_proportions, others

    def of_pixel(self):
        """Returns the likelihood itself, if entries are independent."""
        if self.size_factor != "none":
            raise ValueError(
                "Pixel by pixel, `size_factor` must be 'none': the total of a row is not known before its last entry. "
                f"Received: {self.size_factor!r}."
            )
        return self

    def in_support(self, x):
        """Returns whether each entry is a count; false for NaN."""
        x = tf.cast(x, tf.float32)
        return (x >= 0.0) & (x < LARGEST) & tf.equal(x, tf.round(x))

    def get_config(self):
        """Returns the arguments of the constructor."""
        options = {"size_factor": self.size_factor, "default_total": self.default_total}
        return {**super().get_config(), **options}


def log_one_plus(x):
    """Returns log(1 + x), by operations that ONNX has."""
    return tf.math.log(1.0 + x)


def _bounded(log_mean):
    """Returns log-means that are finite as means: the mean is linear in the params from `LINEAR_FROM` on."""
    return tf.minimum(log_mean, LINEAR_FROM) + log_one_plus(tf.nn.relu(log_mean - LINEAR_FROM))
