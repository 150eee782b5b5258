"""Log-probabilities of counts in the saddle-point form.

The sums of log-gamma functions in the textbook forms cancel: at counts of 1e5 their rounding in float32 is a tenth of a
nat. The form here has a term that is zero where the count equals its mean, and Stirling's error:
float32 resolves both.

References:
    Loader (2000), Fast and accurate computation of binomial probabilities,
    https://www.r-project.org/doc/reports/CLoader-dbinom-2002.pdf
"""

import tensorflow as tf

from rme_tf.core.gaussian import LOG_2_PI

FROM_SERIES = 8.0  # least argument for which three terms of Stirling's series are exact in float32


def stirling_error(x):
    """Returns the error of Stirling's formula for log Gamma(x).

        log Gamma(x) - ((x - 1/2) log x - x + 1/2 log 2 pi)

    Args:
        x: positive numbers. Shape [...].
    """
    is_small = x < FROM_SERIES
    inverse = 1.0 / tf.where(is_small, FROM_SERIES, x)
    square = inverse * inverse
    series = inverse * (1.0 / 12.0 - square * (1.0 / 360.0 - square / 1260.0))
    small = tf.where(is_small, x, 1.0)
    direct = tf.math.lgamma(small) - ((small - 0.5) * tf.math.log(small) - small + 0.5 * LOG_2_PI)
    return tf.where(is_small, direct, series)


def poisson_log_prob_of(x):
    """Returns log Poisson(x; rate), in nats, as a function of log-rates.

    For x > 0, with d = log(rate / x):

        -x (exp(d) - 1 - d) - 1/2 log(2 pi x) - stirling_error(x)

    Args:
        x: counts. Shape [...].

    Returns:
        log_prob: function, log-rates that broadcast against x -> log-probabilities [...].
    """
    is_zero, positive = tf.equal(x, 0.0), tf.maximum(x, 1.0)
    log_x = tf.math.log(positive)
    constant = -0.5 * (LOG_2_PI + log_x) - stirling_error(positive)

    def log_prob(log_rate):
        """Returns the log-probability of each count."""
        d = log_rate - log_x
        return tf.where(is_zero, -tf.exp(log_rate), constant - positive * (tf.math.expm1(d) - d))

    return log_prob


def negative_binomial_log_prob_of(x):
    """Returns negative binomial log-probabilities of fixed counts, as a function.

    Its arguments are r and the logits log(mean / r), its values are in nats. The variance is mean + mean^2 / r. For
    x > 0, with p = r / (r + mean), e = log(p (x + r) / r) and f = log((1 - p) (x + r) / x):

        -r (exp(e) - 1 - e) - x (exp(f) - 1 - f) - 1/2 log(2 pi x (x + r) / r)
            + stirling_error(x + r) - stirling_error(r) - stirling_error(x)

    Args:
        x: counts. Shape [...].

    Returns:
        log_prob: function, (r, logits), which broadcast against x -> log-probabilities [...].
    """
    is_zero, positive = tf.equal(x, 0.0), tf.maximum(x, 1.0)
    constant = -0.5 * (LOG_2_PI + tf.math.log(positive)) - stirling_error(positive)

    def log_prob(r, logits):
        """Returns the log-probability of each count."""
        failures, successes = tf.math.softplus(logits), tf.math.softplus(-logits)  # -log p, -log (1 - p)
        of_x = tf.math.log1p(positive / r)
        e, f = of_x - failures, tf.math.log1p(r / positive) - successes
        distance = r * (tf.math.expm1(e) - e) + positive * (tf.math.expm1(f) - f)
        terms = constant - 0.5 * of_x + stirling_error(positive + r) - stirling_error(r)
        return tf.where(is_zero, -r * failures, terms - distance)

    return log_prob
