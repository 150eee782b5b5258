"""A hierarchical prior of two stochastic layers."""

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from rme_tf.core.activations import check_activation
from rme_tf.core.gaussian import DiagonalNormal
from rme_tf.core.softplus import softplus_inverse
from rme_tf.core.validation import check_count, check_sizes
from rme_tf.priors.base import Prior

tfb = tfp.bijectors

# Encoders and decoder can undo any scale of z_1, and the mean can spread instead, so that the floor takes nothing from
# what p(x) may be. Without one a code that is off by a unit costs 1 / (2 scale^2) nats, more than all of log p(x|z); at
# the floor, which Tomczak and Welling's code has, too (log-variances of at least -6), it costs 200.
MIN_SCALE = 0.05


def as_upper_dim(latent_dim: int, upper_dim: int | None = None) -> int:
    """Returns D_2; None is half of D.

    Raises:
        ValueError: if D has no room for two layers, or D_2 leaves one of them without a dimension.
    """
    check_count("latent_dim", latent_dim, 2, remedy="There are two layers.")
    if upper_dim is None:
        return latent_dim // 2
    return check_count("upper_dim", upper_dim, most=latent_dim - 1, remedy=f"`latent_dim` is {latent_dim}.")


class Layers(tfp.distributions.TransformedDistribution):
    """Noise behind a `RealNVP` that moves z_1 by z_2.

    The density takes one pass of the network; TFP's takes two.
    """

    def _log_prob(self, z, **kwargs):
        num_passed, lower_given = (self.bijector.parameters[name] for name in ("num_masked", "bijector_fn"))
        lower, upper = z[..., :num_passed], z[..., num_passed:]  # negative: counted from the end
        affine = lower_given(upper, lower.shape[-1])
        noise = tf.concat([affine.inverse(lower), upper], axis=-1)
        return self.distribution.log_prob(noise) + affine.inverse_log_det_jacobian(lower, event_ndims=1)


@keras.saving.register_keras_serializable("rme_tf")
class Hierarchical(Prior):
    """Two layers z = [z_1, z_2] with p(z) = p(z_1|z_2) p(z_2).

        p(z_2) = N(0, I),   p(z_1|z_2) = N(mean(z_2), diag(scale(z_2)^2))

    The lower layer z_1 has D_1 dimensions, the upper one D_2. Mean and scale come from an MLP, whose weights are
    generative parameters. Its last layer starts at zero, and p(z) as N(0, I). The decoder reads both layers, as
    p(x|z_1, z_2) in the first reference. The posterior of (z_1, z_2) is any family or mixture, and the recursion sees
    one code z. Under a single posterior of independent dimensions the layers are independent given x (in the reference
    z_1 depends on z_2 there, too); under a mixture, `full_normal` or a flow they are not.

    Upper layers tend to fall idle, against which the second reference anneals the weight of the KL term. The count of
    active units takes the scale of z_1 to be about one still.

    Args:
        latent_dim: D = D_1 + D_2, at least 2.
        upper_dim: D_2, at least 1 and less than D; None for D // 2.
        units: sizes of the network's hidden layers. Without any the mean is linear in z_2.
        activation: activation of the hidden layers.

    Raises:
        ValueError: if a size is out of range.

    References:
        Tomczak and Welling (2018), https://arxiv.org/abs/1705.07120
        Sonderby et al. (2016), https://arxiv.org/abs/1602.02282
    """

    def __init__(self, latent_dim: int, upper_dim: int | None = None, units=(256, 256), activation="relu", **kwargs):
        super().__init__(latent_dim, **kwargs)
        self.upper_dim = as_upper_dim(self.latent_dim, upper_dim)
        self.units = check_sizes("units", units)
        self.activation = check_activation(activation)
        last = {"kernel_initializer": "zeros", "name": "lower_params"}
        hidden = [{"activation": activation, "name": f"lower_hidden_{i}"} for i in range(len(self.units))]
        sizes = [*self.units, 2 * (self.latent_dim - self.upper_dim)]
        # Densities stay float32 under every dtype policy, so the layers take the prior's own.
        self.network = [
            keras.layers.Dense(size, dtype=self.dtype_policy, **options)
            for size, options in zip(sizes, [*hidden, last], strict=True)
        ]
        for layer, inputs in zip(self.network, [self.upper_dim, *self.units], strict=True):
            layer.build((None, inputs))

    def lower_moments(self, upper):
        """Returns mean and scale [..., D_1] of p(z_1|z_2) for z_2 [..., D_2]."""
        outputs = tf.reshape(upper, [-1, self.upper_dim])  # Dense takes no single vector
        for layer in self.network:
            outputs = layer(outputs)
        shape = tf.concat([tf.shape(upper)[:-1], [outputs.shape[-1]]], axis=0)
        mean, raw = tf.split(tf.reshape(outputs, shape), 2, axis=-1)
        return mean, tf.math.softplus(raw + softplus_inverse(1.0 - MIN_SCALE)) + MIN_SCALE  # 1 where raw is 0

    def distribution(self):
        """Returns `Layers`, batch [], event [D]."""

        def lower_given(upper, _):
            mean, scale = self.lower_moments(upper)
            return tfb.Shift(mean)(tfb.Scale(scale))

        size = [self.latent_dim]
        noise = DiagonalNormal(tf.zeros(size), scale_diag=tf.ones(size))
        return Layers(noise, tfb.RealNVP(num_masked=-self.upper_dim, bijector_fn=lower_given))

    def get_config(self):
        """Returns the arguments of the constructor."""
        arguments = {"upper_dim": self.upper_dim, "units": list(self.units), "activation": self.activation}
        return {**super().get_config(), **arguments}
