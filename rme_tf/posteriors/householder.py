"""A Gaussian with axes rotated by Householder reflections."""

from typing import ClassVar

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from rme_tf.core.validation import check_count
from rme_tf.posteriors.transformed import TransformedFamily


class ReflectedNormal(tfp.distributions.MultivariateNormalLinearOperator):
    """N(mean, H diag(scale^2) H^T) for a product H of reflections.

    Its moments convert to ONNX and LiteRT; mean and operators have the same batch shape.
    """

    def _mean(self, **kwargs):
        return tf.convert_to_tensor(self.loc)

    def _stddev(self, **kwargs):
        *reflections, scale = self.scale.operators
        columns = tf.eye(self.event_shape[0]) * scale.diag[..., tf.newaxis, :]
        for reflection in reflections[::-1]:
            columns = _reflected(columns, reflection.reflection_axis)
        return tf.norm(columns, axis=-1)  # of each row


def _reflected(columns, axis):
    """Returns columns [..., D, K] reflected along an axis [..., D]."""
    unit = tf.nn.l2_normalize(axis, axis=-1)[..., tf.newaxis]
    return columns - 2.0 * unit * tf.matmul(unit, columns, transpose_a=True)


@keras.saving.register_keras_serializable("rme_tf")
class Householder(TransformedFamily):
    """The Gaussian N(H mean, H diag(scale^2) H^T) for reflections H.

        z = H_t ... H_1 z_0,   z_0 ~ N(mean, diag(scale^2)),   H_k = I - 2 v_k v_k^T / |v_k|^2

    Params are the mean, the scale before a softplus, and the difference of each v_k from the unit vector e_(k mod D),
    so P = (2 + t) D. Volume is preserved: log q(z) = log q_0(z_0).

    Args:
        latent_dim: D, number of latent dimensions.
        num_reflections: t, at least 1. With t >= D - 1 the axes can have any orientation.
        shared: whether the components of a mixture share the reflections, see `TransformedFamily`.
        initial_scale: standard deviation at params of zero, see `PosteriorFamily`.

    Raises:
        ValueError: if a number is out of range.

    References:
        Tomczak and Welling (2016), https://arxiv.org/abs/1611.09630
    """

    gaussian: ClassVar[bool] = True
    depth_argument: ClassVar[str | None] = "num_reflections"

    def __init__(self, latent_dim: int, num_reflections: int = 2, **kwargs):
        super().__init__(latent_dim, **kwargs)
        self.num_reflections = check_count("num_reflections", num_reflections)

    @property
    def num_flow_params(self) -> int:
        """P - 2 D = t D."""
        return self.num_reflections * self.latent_dim

    def reflections(self, flow_params) -> list:
        """Returns the operators of the reflections, in the order of their product."""
        axes = tf.split(flow_params, self.num_reflections, axis=-1)
        # Away from zero, where there is no reflection, and an encoder begins near it.
        units = tf.unstack(tf.one_hot(tf.range(self.num_reflections) % self.latent_dim, self.latent_dim))
        pairs = zip(axes, units, strict=True)
        return [tf.linalg.LinearOperatorHouseholder(axis + unit) for axis, unit in pairs][::-1]

    def bijector(self, flow_params):
        """Returns z_0 -> z for flow_params [..., t D]."""
        steps = [tfp.bijectors.ScaleMatvecLinearOperator(step) for step in self.reflections(flow_params)]
        return tfp.bijectors.Chain(steps)  # which applies its last first

    def distribution(self, params):
        """Returns `MultivariateNormalLinearOperator`, batch [...], event [D], for params [..., P]."""
        mean, scale, flow_params = self.base_and_flow_params(params)
        reflections = self.reflections(flow_params)
        scale = tf.linalg.LinearOperatorDiag(scale, is_non_singular=True)
        for reflection in reflections[::-1]:
            mean = reflection.matvec(mean)
        return ReflectedNormal(
            mean, scale=tf.linalg.LinearOperatorComposition([*reflections, scale], is_non_singular=True)
        )

    def get_config(self):
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "num_reflections": self.num_reflections}
