"""Sylvester flow: invertible steps with a triangular Jacobian."""

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from rme_tf.posteriors.flow import FlowFamily

MAX_DIAGONAL = 0.999  # |r_ii r'_ii| stays below 1: a step is invertible, and its log determinant finite
NUM_BISECTIONS = 20  # a root is within 2^-20 before the last Newton step


@keras.saving.register_keras_serializable("rme_tf")
class Sylvester(FlowFamily):
    """Triangular Sylvester flow.

        z <- z + Q R tanh(R' Q^T z + b)

    R and R' are upper triangular, for D hidden units; Q is the identity and the reversal in turn. Params of a step, all
    from the encoder, are a D x D matrix with R in its upper triangle and R' in its lower one, the diagonal of R' and b:
    P = 2 D + t (D^2 + 2 D). Params of zero make a step the identity.

    A draw and its density are plain matrix products. The density at any other z, which a mixture needs of each
    component unless they share the flow, solves for z_0 entry by entry, to the precision of float32: D roots for each
    step.

    Args:
        latent_dim: D, number of latent dimensions.
        num_steps: t, at least 1.
        shared: whether the components of a mixture share the flow, see `TransformedFamily`.
        initial_scale: standard deviation of z_0 at params of zero, see `PosteriorFamily`.

    Raises:
        ValueError: if a number is out of range.

    References:
        Van den Berg et al. (2018), https://arxiv.org/abs/1803.05649
    """

    @property
    def num_flow_params(self) -> int:
        """P - 2 D = t (D^2 + 2 D)."""
        return self.num_steps * self.latent_dim * (self.latent_dim + 2)

    def bijector(self, flow_params):
        """Returns z_0 -> z for flow_params [..., t (D^2 + 2 D)]."""
        size = self.latent_dim
        steps: list = []
        for k, params in enumerate(tf.split(flow_params, self.num_steps, axis=-1)):
            entries, diagonal, bias = tf.split(params, [size * size, size, size], axis=-1)
            matrix = tf.reshape(entries, tf.concat([tf.shape(entries)[:-1], [size, size]], axis=0))
            step = TriangularStep(
                _upper(matrix, _diagonal(matrix)), _upper(tf.linalg.matrix_transpose(matrix), diagonal), bias
            )
            turn = [tfp.bijectors.Permute(list(range(size))[::-1])] if k % 2 == 1 else []
            steps = [*turn, step, *turn, *steps]
        return tfp.bijectors.Chain(steps)  # which applies its last first


def _upper(matrix, raw_diagonal):
    # By masks: the gradient of `tf.linalg.set_diag` is not for XLA, if the batch is of any size.
    identity = tf.eye(matrix.shape[-1])
    above = tf.linalg.band_part(tf.ones_like(identity), 0, -1) - identity
    return above * matrix + identity * MAX_DIAGONAL * tf.math.tanh(raw_diagonal)[..., tf.newaxis]


def _diagonal(matrix):
    return tf.reduce_sum(matrix * tf.eye(matrix.shape[-1]), axis=-1)


class TriangularStep(tfp.bijectors.Bijector):
    """f(z) = z + R tanh(R' z + b) with triangular matrices.

    Event [D]. It is increasing in z_i, given the later entries.

    Args:
        outer: R, upper triangular, with r_ii r'_ii > -1. Shape [..., D, D].
        inner: R', upper triangular. Shape [..., D, D].
        bias: b. Shape [..., D].
    """

    def __init__(self, outer, inner, bias, name="triangular_step"):
        parameters = dict(locals())
        self.outer, self.inner, self.bias = outer, inner, bias
        super().__init__(forward_min_event_ndims=1, parameters=parameters, name=name)

    @classmethod
    def _parameter_properties(cls, dtype):
        return {
            "outer": tfp.util.ParameterProperties(event_ndims=2),
            "inner": tfp.util.ParameterProperties(event_ndims=2),
            "bias": tfp.util.ParameterProperties(event_ndims=1),
        }

    def _active(self, z):
        return tf.math.tanh(tf.linalg.matvec(self.inner, z) + self.bias)

    def _forward(self, x):
        return x + tf.linalg.matvec(self.outer, self._active(x))

    def _forward_log_det_jacobian(self, x):
        diagonal = _diagonal(self.outer) * _diagonal(self.inner)
        return tf.reduce_sum(tf.math.log1p(diagonal * (1.0 - self._active(x) ** 2)), axis=-1)

    def _inverse(self, y):
        start = self._solution(tf.stop_gradient(y))
        slopes = 1.0 - self._active(start) ** 2
        # Rows are scaled, not multiplied by a diagonal matrix: TensorFlow 2.21's matmul by oneDNN reads and writes
        # beyond its matrices where the second factor is one matrix for a batch [N, 1].
        jacobian = tf.stop_gradient(tf.eye(y.shape[-1]) + tf.matmul(self.outer, slopes[..., tf.newaxis] * self.inner))

        def step(z):
            """Returns the Newton step from z."""
            return tf.linalg.triangular_solve(jacobian, (self._forward(z) - y)[..., tf.newaxis], lower=False)[..., 0]

        # One step refines the root, and by the implicit function theorem has its first derivatives; another one has
        # the second derivatives, which refinements differentiate, and is left out of the value.
        root = start - step(start)
        again = step(root)
        return root - (again - tf.stop_gradient(again))

    def _solution(self, y):
        """Returns the root of f(z) = y from the last entry to the first; without a gradient."""
        outer, inner, bias = (tf.stop_gradient(part) for part in (self.outer, self.inner, self.bias))
        size = y.shape[-1]

        def body(i, z, active):
            """Solves z_i + r_ii tanh(r'_ii z_i + shift) = target."""
            row, inner_row = tf.gather(outer, i, axis=-2), tf.gather(inner, i, axis=-2)  # [..., D]
            target = tf.gather(y, i, axis=-1) - tf.reduce_sum(row * active, axis=-1)
            shift = tf.gather(bias, i, axis=-1) + tf.reduce_sum(inner_row * z, axis=-1)
            factor, slope = tf.gather(row, i, axis=-1), tf.gather(inner_row, i, axis=-1)

            def bisect(k, low, high):
                middle = 0.5 * (low + high)
                below = middle + factor * tf.math.tanh(slope * middle + shift) < target
                return k + 1, tf.where(below, middle, low), tf.where(below, high, middle)

            bracket = (0, target - tf.abs(factor), target + tf.abs(factor))
            _, low, high = tf.while_loop(
                lambda k, *_: k < NUM_BISECTIONS, bisect, bracket, maximum_iterations=NUM_BISECTIONS
            )
            root = (0.5 * (low + high))[..., tf.newaxis]
            place = tf.one_hot(i, size)
            z += place * root
            active += place * tf.math.tanh(slope[..., tf.newaxis] * root + shift[..., tf.newaxis])
            return i - 1, z, active

        zeros = tf.zeros_like(y)
        state = (tf.constant(size - 1), zeros, zeros)
        return tf.while_loop(lambda i, *_: i >= 0, body, state, maximum_iterations=size)[1]
