"""Draws of a distribution as a function of standard normal noise."""

import math

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

tfd = tfp.distributions

SPREAD = 0.3  # of the params but the means at a check, over sqrt(D): no identity, and matrices that float32 inverts
TOLERANCE = 1e-3  # of log q and D at a check; the families of the table keep to 1e-6
MIN_MOMENT_PAIRS = 64  # pairs of a draw and its mirror image, from which mean and standard deviation are estimated


def white_noise(latent_dim: int):
    """Returns fixed Gaussian numbers [2 N, D] of mean zero and identity covariance."""
    num_pairs = max(MIN_MOMENT_PAIRS, latent_dim)
    half, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(num_pairs, latent_dim)))
    half *= np.sqrt(num_pairs)
    return np.concatenate([half, -half]).astype(np.float32)


def pushed_forward(q, noise):
    """Returns a draw from q as a function of the noise.

    Follows a `tfd.TransformedDistribution` down to its normal base distribution, and applies mean, scale and every
    transformation on the way.

    Args:
        q: distribution with event [D]: transformations and `tfd.Independent` of a Gaussian.
        noise: standard normal numbers that broadcast against the batch of q. Shape [..., D].

    Returns:
        z: Shape [..., D].

    Raises:
        ValueError: if the base distribution is not normal.
    """
    if isinstance(q, tfd.MultivariateNormalLinearOperator):  # of standard normal noise
        return q.bijector.forward(noise)
    if isinstance(q, tfd.TransformedDistribution):
        return q.bijector.forward(pushed_forward(q.distribution, noise))
    if isinstance(q, tfd.Independent):
        return pushed_forward(q.distribution, noise)
    if isinstance(q, tfd.Sample) and isinstance(q.distribution, tfd.Normal) and q.event_shape.rank == 1:
        normal = q.distribution
        return normal.loc[..., tf.newaxis] + normal.scale[..., tf.newaxis] * noise
    if isinstance(q, tfd.Normal):
        return q.loc + q.scale * noise
    raise ValueError(
        "Refinements need draws from standard normal noise: a family with a `from_noise` of its own, or whose "
        f"`distribution` transforms a Gaussian. Received: a family whose base distribution is {type(q).__name__}."
    )


def check_noise(family) -> None:
    """Checks that `from_noise` draws from the `distribution` of a family.

        log q(z) = log N(e; 0, I) - log|det dz/de|   for z = from_noise(params, e)

    by this change of variables at one point.

    Args:
        family: a `PosteriorFamily`.

    Raises:
        ValueError: if the densities differ, or `from_noise` has another shape or no derivative.
    """
    size = family.latent_dim
    spread = tf.where(tf.range(family.num_params) < family.num_means, 1.0, SPREAD / math.sqrt(size))
    params = spread * tf.random.stateless_normal([1, 1, family.num_params], (0, 1))  # [B, K, P]
    point = tf.random.stateless_normal([size], (0, 2))
    noise = tf.tile(point[tf.newaxis, tf.newaxis, tf.newaxis], [size, 1, 1, 1])  # [D, 1, 1, D]
    with tf.GradientTape() as tape:
        tape.watch([params, noise])
        z = family.from_noise(params, noise)
        _check(family, f"draws of shape {noise.shape}", z.shape, z.shape == noise.shape)
        diagonal = tf.reduce_sum(tf.linalg.diag_part(z[:, 0, 0]))  # entry i of draw i: all rows of dz/de at once
    gradients = tape.gradient(diagonal, [params, noise])
    _check(
        family,
        "draws with a derivative by params and noise",
        "none",
        all(gradient is not None for gradient in gradients),
    )
    log_det = np.linalg.slogdet(gradients[1].numpy()[:, 0, 0].astype(np.float64))[1]
    expected = float(np.sum(-0.5 * point.numpy().astype(np.float64) ** 2 - 0.5 * math.log(2.0 * math.pi)) - log_det)
    received = float(family.log_prob(params, z[:1])[0, 0, 0])
    fits = abs(received - expected) <= TOLERANCE * (size + abs(expected))
    _check(family, f"a log density of {expected:.4g} nats at a draw", f"{received:.4g} nats", fits)


def _check(family, expected: str, received, fits: bool) -> None:
    if not fits:
        raise ValueError(
            "`from_noise` must turn standard normal noise, one to one, into draws of `distribution`. "
            f"Expected of {type(family).__name__}: {expected}. Received: {received}. Mend it, or leave it to "
            "`PosteriorFamily`."
        )
