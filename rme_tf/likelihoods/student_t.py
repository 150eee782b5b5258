"""Student's t likelihood of real observations with outliers."""

import math

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from rme_tf.core.polar_student_t import PolarStudentT
from rme_tf.core.softplus import softplus_inverse
from rme_tf.core.validation import check_flag, check_number
from rme_tf.likelihoods.location_scale import LocationScale

LEAST_DF = 1.0  # of learned degrees of freedom; the mean does not exist there


class Entries(PolarStudentT):
    """Student's t with a mean of operations that ONNX has."""

    def _mean(self):
        return tf.convert_to_tensor(self.loc)


@keras.saving.register_keras_serializable("rme_tf")
class StudentT(LocationScale):
    """Independent Student's t entries, with locations as params.

        p(x) = t(x; df, location, scale), with the standard deviation sqrt(df / (df - 2)) scale for df > 2

    Tails are heavier than the Gaussian's: an outlier costs log |x| nats, not x^2, and moves the decoder little. By
    default observations are any real numbers.

    Args:
        event_shape: shape of one observation.
        df: degrees of freedom, above 1; before training, if they are learned. Tails get lighter as they grow.
        learned_df: whether the degrees of freedom, one number for all entries, are learned.
        interval: (low, high), the values that observations may have; None for all real values.

    Raises:
        ValueError: if `df` is not above 1, and as `LocationScale` does.

    References:
        Lange, Little and Taylor (1989), https://doi.org/10.1080/01621459.1989.10478852
    """

    support = "finite real values"
    values = "real"
    bits_offset = math.nan

    def __init__(
        self,
        event_shape,
        df: float = 5.0,
        learned_df: bool = False,
        interval: tuple[float, ...] | None = None,
        **kwargs,
    ):
        super().__init__(event_shape, interval=interval, **kwargs)
        self.initial_df = check_number("df", df, above=LEAST_DF, remedy="The mean does not exist for smaller `df`.")
        self.learned_df = check_flag("learned_df", learned_df)
        if self.learned_df:
            initializer = keras.initializers.Constant(softplus_inverse(df - LEAST_DF))
            self.raw_df = self.add_weight(name="raw_df", shape=(), initializer=initializer)

    @property
    def df(self):
        """Degrees of freedom, a scalar."""
        if not self.learned_df:
            return tf.constant(self.initial_df, tf.float32)
        return tf.math.softplus(tf.convert_to_tensor(self.raw_df)) + LEAST_DF

    def distribution(self, params):
        """Returns independent Student's t distributions, batch [...], event `event_shape`."""
        mean, scale = self.moments(params, spread=True)
        return tfp.distributions.Independent(
            Entries(self.df, mean, scale), reinterpreted_batch_ndims=len(self.event_shape)
        )

    def prepared(self, x, totals):
        """Returns log p(x|z) of fixed x as a function of the params."""
        x, known, df, size = tf.cast(x, tf.float32), self.scale, self.df, math.prod(self.event_shape)
        log_normalizer = tfp.math.log_gamma_difference(0.5, 0.5 * df) + 0.5 * tf.math.log(math.pi * df)

        def log_prob(params):
            """Returns log p(x|z) [...]."""
            mean, scale = self.moments(params, known)
            distance = totals.sum(tf.math.log1p(tf.square((x - mean) / scale) / df))
            if self.scale_kind in ("decoded", "per_pixel"):
                log_scales = totals.sum(tf.math.log(scale))
            else:
                whole = tf.squeeze(scale, axis=totals.axes) if self.scale_kind == "per_image" else scale
                log_scales = size * tf.math.log(whole)
            return -0.5 * (df + 1.0) * distance - log_scales - size * log_normalizer

        return log_prob

    def get_config(self):
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "df": self.initial_df, "learned_df": self.learned_df}
