"""Training steps in JAX as a baseline of timings.

The steps of a VAE and of RME are written by hand, without a library of probabilities or optimizers.

Weights are a dict of `trunks`, a list of one network for all components or of one for each, `heads`, a layer for each
component, and `decoder`. A network is a list of layers (kernel, bias), with kernels in the form of Keras. JAX is in the
extra `benchmark`.
"""

import contextlib
import functools
import math
from typing import Any, NamedTuple

import numpy as np

with contextlib.suppress(ImportError):
    import jax
    import jax.numpy as jnp
    from jax import lax

ADAM = {"learning_rate": 1e-3, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7}
MIN_SCALE = 1e-5
KL_BOUND = 3.0
LOG_2_PI = math.log(2.0 * math.pi)
CONV = {"window_strides": (2, 2), "padding": "SAME", "dimension_numbers": ("NHWC", "HWIO", "NHWC")}
TRANSPOSED = {"strides": (2, 2), "padding": "SAME", "dimension_numbers": ("NHWC", "HWIO", "NHWC")}


class State(NamedTuple):
    """State of a training."""

    weights: Any
    momentums: Any
    velocities: Any
    count: Any  # updates so far
    key: Any  # of the noise


# Networks.


def dense(inputs, layer):
    """Returns the output of a dense layer without activation."""
    kernel, bias = layer
    return inputs @ kernel + bias


def trunk(layers, x):
    """Returns features [B, F] of images [B, H, W, C].

    Dense layers have tanh. Before a single dense layer with ReLU, convolutions have stride 2 and ReLU.
    """
    if layers[0][0].ndim == 2:
        features = x.reshape(x.shape[0], -1)
        for layer in layers:
            features = jnp.tanh(dense(features, layer))
        return features
    for kernel, bias in layers[:-1]:
        x = jax.nn.relu(lax.conv_general_dilated(x, kernel, **CONV) + bias)
    return jax.nn.relu(dense(x.reshape(x.shape[0], -1), layers[-1]))


def decoder(layers, z, shape):
    """Returns logits [N, H, W, C] of codes [N, D]; layers that mirror `trunk`."""
    if layers[-1][0].ndim == 2:
        for layer in layers[:-1]:
            z = jnp.tanh(dense(z, layer))
        return dense(z, layers[-1]).reshape(-1, *shape)
    first, second, *rest = layers
    maps = jax.nn.relu(dense(jax.nn.relu(dense(z, first)), second))
    sides = [math.ceil(side / 2 ** len(rest)) for side in shape[:2]]
    maps = maps.reshape(-1, *sides, rest[0][0].shape[-1])
    for index, (kernel, bias) in enumerate(rest):
        maps = lax.conv_transpose(maps, kernel, transpose_kernel=True, **TRANSPOSED) + bias
        maps = maps if index == len(rest) - 1 else jax.nn.relu(maps)
    return maps[:, : shape[0], : shape[1]]


# Objectives.


def encode(weights, x, components: int):
    """Returns means and scales [B, M, D].

    The heads on one trunk are one matrix product.
    """
    trunks, heads = weights["trunks"], weights["heads"]
    if len(trunks) == 1:
        kernel, bias = (jnp.concatenate([head[part] for head in heads], axis=-1) for part in (0, 1))
        params = dense(trunk(trunks[0], x), (kernel, bias)).reshape(x.shape[0], components, -1)
    else:
        params = jnp.stack([dense(trunk(layers, x), head) for layers, head in zip(trunks, heads, strict=True)], axis=1)
    mean, raw = jnp.split(params, 2, axis=-1)
    return mean, jax.nn.softplus(raw) + MIN_SCALE


def log_normal(standard, scale):
    """Returns the log-density of a diagonal Gaussian, in nats, at `mean + scale * standard`."""
    return -jnp.sum(0.5 * standard**2 + jnp.log(scale) + 0.5 * LOG_2_PI, axis=-1)


def log_likelihood(weights, x, z):
    """Returns log p(x|z) [B, M] of binary images, in nats, for codes [B, M, D]."""
    logits = decoder(weights["decoder"], z.reshape(-1, z.shape[-1]), x.shape[1:]).reshape(*z.shape[:2], *x.shape[1:])
    signs = 1.0 - 2.0 * x[:, jnp.newaxis]
    return -jnp.sum(jax.nn.softplus(signs * logits), axis=range(2, logits.ndim))


def vae_loss(weights, x, noise):
    """Returns the negative ELBO of a VAE, in nats.

    Args:
        weights: see the module, with one head.
        x: binary images. Shape [B, H, W, C].
        noise: standard normal noise. Shape [B, 1, D].
    """
    mean, scale = encode(weights, x, 1)
    z = mean + scale * noise
    elbo = log_likelihood(weights, x, z) + log_normal(z, jnp.ones_like(z)) - log_normal(noise, scale)
    return -jnp.mean(elbo)


def rme_loss(weights, x, noise):
    """Returns the negative sum of the objectives of RME, in nats.

    The mixing weights are uniform. Each objective is a function of its own weights, as in the joint update of
    `RecursiveMixture`.

    Args:
        weights: see the module, with M heads.
        x: binary images. Shape [B, H, W, C].
        noise: standard normal noise. Shape [B, M, D].
    """
    count, held = noise.shape[1], lax.stop_gradient
    mean, scale = encode(weights, x, count)
    z = mean + scale * noise
    rescaled = held(z) + count * (z - held(z))  # the mean over components divides by M
    log_joint = log_likelihood(weights, x, rescaled) + log_normal(rescaled, jnp.ones_like(z))
    log_q = log_normal(noise, scale)  # [B, M]
    standard = (z[:, :, jnp.newaxis] - held(mean)[:, jnp.newaxis]) / held(scale)[:, jnp.newaxis]
    log_q_all = log_normal(standard, held(scale)[:, jnp.newaxis])  # [B, M, M]
    index = np.arange(count)
    earlier = index < index[1:, np.newaxis]
    before = jax.nn.logsumexp(log_q_all[:, 1:], axis=-1, where=earlier) - np.log(index[1:])
    log_ratio = before - log_q[:, 1:] + math.log(-math.expm1(-KL_BOUND))
    rewards = jnp.minimum(-jnp.logaddexp(log_ratio, -KL_BOUND), KL_BOUND)
    return -jnp.mean(jnp.mean(log_joint, axis=-1) - jnp.sum(log_q, axis=-1) + jnp.sum(rewards, axis=-1))


# Training.


def start(weights, seed: int = 0) -> State:
    """Returns the state before the first step."""
    momentums, velocities = (jax.tree.map(jnp.zeros_like, weights) for _ in range(2))
    count, key = jnp.zeros((), jnp.int32), jax.random.key(seed)
    return State(jax.tree.map(jnp.array, weights), momentums, velocities, count, key)


def updated(state: State, x, latent_dim: int) -> tuple[State, Any]:
    """Returns the state after a step of Adam, and the loss."""
    count, key = state.count + 1, jax.random.fold_in(state.key, state.count)
    components = len(state.weights["heads"])
    noise = jax.random.normal(key, (x.shape[0], components, latent_dim))
    loss, gradients = jax.value_and_grad(vae_loss if components == 1 else rme_loss)(state.weights, x, noise)
    beta_1, beta_2 = ADAM["beta_1"], ADAM["beta_2"]
    momentums = jax.tree.map(lambda m, g: m + (g - m) * (1 - beta_1), state.momentums, gradients)
    velocities = jax.tree.map(lambda v, g: v + (g * g - v) * (1 - beta_2), state.velocities, gradients)
    rate = ADAM["learning_rate"] * jnp.sqrt(1 - beta_2**count) / (1 - beta_1**count)

    def moved(weight, m, v):
        """Returns a weight after the step."""
        return weight - m * rate / (jnp.sqrt(v) + ADAM["epsilon"])

    weights = jax.tree.map(moved, state.weights, momentums, velocities)
    return State(weights, momentums, velocities, count, state.key), loss


def epochs(weights, x, *, batch_size: int, latent_dim: int, scanned: int = 1):
    """Returns a function that trains for one epoch.

    An epoch has a new order of the images. The function waits for its end.

    Args:
        weights: initial weights, see the module.
        x: binary images on the device. Shape [N, H, W, C].
        batch_size: images B of a step.
        latent_dim: number of latent dimensions D.
        scanned: number of steps of one call, in a `lax.scan`; it divides the steps of an epoch.
    """
    images, steps = jnp.asarray(x), len(x) // batch_size

    def step(state, rows):
        return updated(state, jnp.take(images, rows, axis=0), latent_dim)

    @functools.partial(jax.jit, donate_argnums=0)
    def group(state, order, first):
        """Returns the state and the losses after `scanned` steps."""
        batches = lax.dynamic_slice_in_dim(order, first * batch_size, scanned * batch_size)
        return lax.scan(step, state, batches.reshape(scanned, batch_size))

    state, shuffled = [start(weights)], jax.jit(lambda key: jax.random.permutation(key, len(x)))

    def train():
        """Trains for one epoch, and returns its mean loss."""
        order = shuffled(jax.random.fold_in(state[0].key, state[0].count))
        losses = []
        for first in range(0, steps, scanned):
            state[0], loss = group(state[0], order, first)
            losses.append(loss)
        return float(jnp.mean(jnp.concatenate(losses)))

    return train
