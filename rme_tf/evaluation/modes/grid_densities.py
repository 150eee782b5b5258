"""Densities of one observation on a grid over two latent dimensions.

Letters: X, Y points of the grid, C codes of a chunk, M components.
"""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from rme_tf import objectives
from rme_tf.core.compiled import compiled

CODES_PER_CHUNK = 900  # codes decoded at a time, which bounds the memory


class GridDensities(NamedTuple):
    """Log-densities, in nats, at z = (grid_x[j], grid_y[i]) in row i, column j."""

    grid_x: np.ndarray  # equal steps  [X]
    grid_y: np.ndarray  # equal steps  [Y]
    log_joint: np.ndarray  # log p(x, z)  [Y, X]
    log_mixture: np.ndarray  # log Q(z|x)  [Y, X]
    log_components: np.ndarray  # log q_m(z|x)  [M, Y, X]

    @property
    def area(self) -> float:
        """Area of a cell of the grid."""
        return float((self.grid_x[1] - self.grid_x[0]) * (self.grid_y[1] - self.grid_y[0]))

    @property
    def log_evidence(self) -> float:
        """The integral log p(x) by quadrature, in nats."""
        return float(np.logaddexp.reduce(self.log_joint, axis=None) + np.log(self.area))

    @property
    def kl(self) -> float:
        """KL(Q(z|x) || p(z|x)) by quadrature, in nats."""
        log_q = self.log_mixture
        return float(np.sum(np.exp(log_q) * (log_q - self.log_joint + self.log_evidence)) * self.area)


def grid_densities(model, x, encoding, grid_x, grid_y) -> GridDensities:
    """Returns the `GridDensities` of one observation.

    Args:
        model: `VAE` with D = 2.
        x: checked observation, a tensor. Shape [1, *event_shape].
        encoding: result of `model.encode(x)`.
        grid_x: first coordinates. Shape [X].
        grid_y: second coordinates. Shape [Y].
    """
    codes = np.stack(np.meshgrid(grid_x, grid_y), axis=-1).reshape(-1, 1, 1, 2).astype(np.float32)
    evaluate, parts = compiled(_log_densities, model), []
    for start in range(0, len(codes), CODES_PER_CHUNK):
        chunk = tf.constant(codes[start : start + CODES_PER_CHUNK])
        parts.append([part.numpy() for part in evaluate(x, encoding.params, encoding.log_alpha, chunk)])
    log_joint, log_mixture, log_components = (np.concatenate(part).astype(float) for part in zip(*parts, strict=True))
    shape = len(grid_y), len(grid_x)
    return GridDensities(
        grid_x,
        grid_y,
        log_joint.reshape(shape),
        log_mixture.reshape(shape),
        log_components.T.reshape(-1, *shape),
    )


def _log_densities(model, x, params, log_alpha, z) -> tuple:
    """Returns log p(x, z) and log Q(z|x) [C], and every log q_m(z|x) [C, M], at codes z [C, 1, 1, 2]."""
    log_q_all = model.posterior_family.component_log_probs(params, z[:, :, 0])[:, 0]
    return sum(model.log_joint(x, z))[:, 0, 0], objectives.log_mixture(log_alpha, log_q_all), log_q_all
