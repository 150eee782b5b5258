"""A linear-Gaussian VAE, whose p(x) and p(z|x) are known: x = W z + c + noise, z ~ N(0, I)."""

import functools

import keras
import numpy as np
from scipy.stats import multivariate_normal

import rme_tf
from rme_tf.likelihoods import Normal, Observed
from rme_tf.posteriors import DiagNormal
from rme_tf.posteriors.base import MIN_SCALE

SIGMA = 0.5


def dense(kernel, bias):
    network = keras.Sequential([keras.layers.Input((len(kernel),)), keras.layers.Dense(len(bias))])
    network.set_weights([np.asarray(kernel, "float32"), np.asarray(bias, "float32")])
    return network


class LinearGaussian:
    """The model, and its densities in float64."""

    def __init__(self, latent_dim, pixels, *, missing=False, seed=0):
        rng = np.random.default_rng(seed)
        self.kernel = rng.normal(size=(latent_dim, pixels)) / np.sqrt(latent_dim)  # Keras's kernel, W^T
        self.shift = rng.normal(size=pixels)
        self.precision = np.eye(latent_dim) + self.kernel @ self.kernel.T / SIGMA**2
        self.gain = self.kernel.T @ np.linalg.inv(self.precision) / SIGMA**2  # of the posterior mean
        self.model = self._model(missing)

    def _model(self, missing):
        """The VAE; its posterior has the exact means, and scales between the conditional and the marginal ones."""
        latent_dim, pixels = self.kernel.shape
        scale = (np.diag(np.linalg.inv(self.precision)) / np.diag(self.precision)) ** 0.25
        raw = np.log(np.expm1(scale - MIN_SCALE))
        encoder = dense(
            np.concatenate([self.gain, np.zeros((pixels, latent_dim))], axis=1),
            np.concatenate([-self.shift @ self.gain, raw]),
        )
        likelihood = Normal((pixels,), interval=None, scale="fixed", initial_scale=SIGMA)
        likelihood = Observed(likelihood, mask=False) if missing else likelihood
        decoder = dense(self.kernel, self.shift)
        return rme_tf.VAE([encoder], decoder, posterior=DiagNormal(latent_dim), likelihood=likelihood)

    def draw(self, count, seed=1):
        """Observations [count, pixels]."""
        rng = np.random.default_rng(seed)
        z = rng.normal(size=(count, len(self.kernel)))
        return (z @ self.kernel + self.shift + SIGMA * rng.normal(size=(count, len(self.shift)))).astype("float32")

    def posterior_draws(self, row, count, seed=2):
        """Codes [count, latent_dim] of p(z|row)."""
        mean = (row - self.shift) @ self.gain
        return np.random.default_rng(seed).multivariate_normal(mean, np.linalg.inv(self.precision), count)

    def log_likelihood(self, x):
        """log p of the entries of each row that are not NaN."""
        covariance = self.kernel.T @ self.kernel + SIGMA**2 * np.eye(len(self.shift))
        values = []
        for row in np.asarray(x, np.float64):
            seen = ~np.isnan(row)
            among = multivariate_normal(self.shift[seen], covariance[np.ix_(seen, seen)])
            values.append(among.logpdf(row[seen]))
        return np.array(values)


linear_gaussian = functools.cache(LinearGaussian)
