"""Negative binomial likelihood of counts with more variance than a Poisson distribution."""

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from rme_tf.core.softplus import softplus_inverse
from rme_tf.core.validation import check_choice, check_number
from rme_tf.likelihoods.count_densities import negative_binomial_log_prob_of
from rme_tf.likelihoods.counts import Counts

DISPERSIONS = ("decoded", "fixed", "per_entry", "shared")
LEAST_RATE = 1e-30  # of a draw, whose logarithm is finite


class Entries(tfp.distributions.NegativeBinomial):
    """TFP's `NegativeBinomial`, with densities that are exact for large counts.

    XLA compiles the draws, too.
    """

    def _log_prob(self, x):
        return negative_binomial_log_prob_of(x)(tf.convert_to_tensor(self.total_count), self.logits)

    def _sample_n(self, n, seed=None):
        of_rates, of_counts = tfp.random.split_seed(seed)
        gamma = tfp.distributions.Gamma(self.total_count, log_rate=-self.logits)
        rates = tf.maximum(gamma.sample(n, seed=of_rates), LEAST_RATE)
        return tfp.distributions.Poisson(rate=rates).sample(seed=of_counts)


@keras.saving.register_keras_serializable("rme_tf")
class NegativeBinomial(Counts):
    """Independent negative binomial counts, with log-means as params.

        p(x) = Gamma(x + r) / (Gamma(r) x!) (r / (r + mean))^r (mean / (r + mean))^x,   r = 1 / dispersion

    The variance is mean + dispersion mean^2; a dispersion near 0 gives a Poisson distribution. Means are exp(params) up
    to exp(16), and linear in the params beyond. `size_factor="total"` conditions on the total of each row: see
    `Counts`.

    Args:
        event_shape: shape of one observation.
        initial_dispersion: dispersion before training, positive.
        min_dispersion: floor of the dispersion, positive.
        dispersion: "shared" (one learned dispersion), "per_entry" (one for each entry of x, such as a gene), "fixed"
            (not learned) or "decoded" (the decoder returns a raw dispersion for each entry after the log-means).

    Raises:
        ValueError: if a number is out of range, or `dispersion` is unknown.
    """

    def __init__(
        self,
        event_shape,
        initial_dispersion: float = 1.0,
        min_dispersion: float = 1e-4,
        dispersion: str = "shared",
        **kwargs,
    ):
        super().__init__(event_shape, **kwargs)
        self.min_dispersion = check_number("min_dispersion", min_dispersion, above=0.0)
        remedy = "The dispersion starts above its minimum, `min_dispersion`."
        self.initial_dispersion = check_number(
            "initial_dispersion", initial_dispersion, above=self.min_dispersion, remedy=remedy
        )
        check_choice("dispersion", dispersion, DISPERSIONS)
        self.dispersion_kind = dispersion
        decoded = dispersion == "decoded"
        self.num_params = 2 if decoded else 1
        self.unconstrained = "log-means and raw dispersions" if decoded else "log-means"
        self._raw_initial = softplus_inverse(self.initial_dispersion - self.min_dispersion)
        if not decoded:
            self.raw_dispersion = self.add_weight(
                name="raw_dispersion",
                shape=self.event_shape if dispersion == "per_entry" else (),
                initializer=keras.initializers.Constant(self._raw_initial),
                trainable=dispersion != "fixed",
            )

    @property
    def dispersion(self):
        """Dispersion of all observations, [] or `event_shape`; None if decoded."""
        if self.dispersion_kind == "decoded":
            return None
        return self._positive(tf.convert_to_tensor(self.raw_dispersion))

    def _positive(self, raw):
        return tf.math.softplus(raw) + self.min_dispersion

    def _shape_and_logits(self, log_mean, others, dispersion=None):
        """Returns r = 1 / dispersion, and log(mean / r).

        Args:
            log_mean: log-means. Shape [..., *event_shape].
            others: raw dispersions, or None.
            dispersion: value of the property `dispersion`, if it was computed before.
        """
        if others is not None:
            dispersion = self._positive(others + self._raw_initial)
        elif dispersion is None:
            dispersion = self.dispersion
        return 1.0 / dispersion, log_mean + tf.math.log(dispersion)

    def entries(self, log_mean, others):
        """Returns negative binomial distributions, batch [..., *event_shape], event []."""
        r, logits = self._shape_and_logits(log_mean, others)
        return Entries(r, logits=logits, require_integer_total_count=False)

    def density_of(self, x):
        """Returns the function (log-means, raw dispersions or None) -> log-probability of each count."""
        density, known = negative_binomial_log_prob_of(x), self.dispersion
        return lambda log_mean, others: density(*self._shape_and_logits(log_mean, others, known))

    def of_pixel(self):
        """Returns the likelihood itself, if one entry determines its dispersion."""
        if self.dispersion_kind == "per_entry":
            raise ValueError(
                "Pixel by pixel, `dispersion` must be 'decoded', 'fixed' or 'shared': of one pixel nothing else is "
                f"known. Received: {self.dispersion_kind!r}."
            )
        return super().of_pixel()

    def get_config(self):
        """Returns the arguments of the constructor."""
        options = {
            "initial_dispersion": self.initial_dispersion,
            "min_dispersion": self.min_dispersion,
            "dispersion": self.dispersion_kind,
        }
        return {**super().get_config(), **options}
