"""Poisson likelihood of counts."""

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from rme_tf.likelihoods.count_densities import poisson_log_prob_of
from rme_tf.likelihoods.counts import Counts


class Entries(tfp.distributions.Poisson):
    """TFP's `Poisson`, with densities that are exact for large counts."""

    def _log_prob(self, x):
        return poisson_log_prob_of(x)(tf.convert_to_tensor(self.log_rate))


@keras.saving.register_keras_serializable("rme_tf")
class Poisson(Counts):
    """Independent Poisson counts, with log-rates as params.

        p(x) = rate^x exp(-rate) / x!,   with mean and variance equal to the rate

    Rates are exp(params) up to exp(16), and linear in the params beyond. `size_factor="total"` conditions on the total
    of each row: see `Counts`.
    """

    unconstrained = "log-rates"

    def entries(self, log_mean, others):
        """Returns Poisson distributions, batch [..., *event_shape], event []."""
        del others
        return Entries(log_rate=log_mean)

    def density_of(self, x):
        """Returns the function (log-rates, None) -> log-probability of each count."""
        density = poisson_log_prob_of(x)
        return lambda log_mean, others: density(log_mean)
