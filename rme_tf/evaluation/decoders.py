"""Reports on a decoder: sensitivity to z, output scale, weights.

Letters: N observations, B batch, S draws from Q, D latent dimensions, E entries of an observation.
"""

import math
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from rme_tf.core.argument_checks import check_model
from rme_tf.core.estimates import short, with_error
from rme_tf.core.validation import check_counts, check_flag, require
from rme_tf.evaluation import chunking
from rme_tf.evaluation.batchwise import batchwise
from rme_tf.evaluation.diagnostics import standard_error
from rme_tf.likelihoods import Normal
from rme_tf.likelihoods.input_checks import checked_whole


class DecoderReport(NamedTuple):
    """Sensitivity, output scale and weights of a decoder, at draws from Q."""

    frobenius_norm: np.ndarray  # of the Jacobian d E[x|z] / d z, mean over draws  [N]
    spectral_norm: np.ndarray  # its largest singular value, mean over draws  [N]
    squared_residual: np.ndarray | None  # E_Q (x - E[x|z])^2, sum over seen entries; None unless Gaussian  [N]
    variance: np.ndarray | None  # variance of p(x|z), sum over seen entries; None unless Gaussian  [N]
    num_entries: np.ndarray  # number of seen entries  [N]
    weight_norms: dict[str, float]  # Frobenius norm of each trainable matrix of the decoder, by its path

    @property
    def optimal_scale(self) -> float:
        """Scale that maximizes E_Q[log p(x|z)]: the root mean squared residual.

        One scale for all entries of a Gaussian likelihood; NaN for other likelihoods.
        """
        return self._root_mean(self.squared_residual)

    @property
    def trained_scale(self) -> float:
        """Root mean variance of a Gaussian p(x|z), the trained scale.

        NaN for other likelihoods.
        """
        return self._root_mean(self.variance)

    def _root_mean(self, sums) -> float:
        return math.nan if sums is None else math.sqrt(sums.sum() / self.num_entries.sum())

    def summary(self) -> str:
        """Returns the report in words, several lines."""
        norms = [with_error(float(norm.mean()), standard_error(norm)) for norm in self[:2]]
        lines = [
            f"{len(self.num_entries)} observations; ± is one standard error.",
            f"Jacobian of E[x|z] at draws from Q: Frobenius norm {norms[0]}, spectral norm {norms[1]}.",
        ]
        if self.squared_residual is not None:
            ratio = self.trained_scale / self.optimal_scale
            verdict = "above it" if ratio > 1.02 else "below it" if ratio < 0.98 else "equal within 2%"
            lines.append(
                f"Output scale: the optimal one, the root mean squared residual, is {self.optimal_scale:.3g}; the "
                f"trained one is {self.trained_scale:.3g}, {verdict}."
            )
        weights = ", ".join(f"{path} {short(norm)}" for path, norm in self.weight_norms.items())
        lines.append(f"Frobenius norms of weights: {weights}.")
        return "\n".join(lines)


def decoder_report(model, x, *, num_samples=10, seed=0, batch_size=128, progress=True) -> DecoderReport:
    """Returns the `DecoderReport` of a model.

    Norms of the Jacobian compare decoders of the same data: a decoder of smaller norms changes less with z, whatever
    its weights are.

    Args:
        model: `VAE` whose decoder takes z alone.
        x: array [N, *event_shape], or a finite `tf.data.Dataset` of batches; checked against the likelihood's support.
        num_samples: number of draws S from Q for each observation.
        seed: integer seed of the draws.
        batch_size: largest number of observations B in a batch.
        progress: whether to show a progress bar.

    Raises:
        ValueError: if the decoder is autoregressive, the data are outside of the likelihood's support, empty or
            infinite, or a number is less than 1.
    """
    check_model(model)
    check_flag("progress", progress)
    remedy = "Given z alone it has no mean of x, so no Jacobian either."
    require(not model.autoregressive, "model", "have a decoder of z alone", "an autoregressive decoder", remedy)
    x = checked_whole(x, model.likelihood)
    check_counts(num_samples=num_samples, batch_size=batch_size)
    rows = max(1, min(batch_size, chunking.codes_at_once(model) // (num_samples * model.latent_dim)))
    text = "Jacobians" if progress else None
    frobenius, spectral = batchwise(_norms, model, x, num_samples, rows=rows, seed=seed, progress=text)
    residual, variance = None, None
    if isinstance(model.likelihood.complete(), Normal):
        residual, variance = batchwise(_residuals, model, x, num_samples, rows=rows, seed=seed)
    (num_entries,) = batchwise(_num_entries, model, x, rows=rows)
    return DecoderReport(frobenius, spectral, residual, variance, num_entries, weight_norms(model.decoder))


def weight_norms(network) -> dict[str, float]:
    """Returns Frobenius norms of trainable matrices and kernels, by their paths.

    Args:
        network: Keras model with the weights.
    """
    matrices = [variable for variable in network.trainable_variables if len(variable.shape) > 1]
    return {variable.path: float(np.linalg.norm(np.asarray(variable.value))) for variable in matrices}


# Graph code.


def _norms(model, x, seed, num_samples: int) -> tuple:
    """Returns the mean Frobenius and spectral norm of the Jacobian, each [B].

    The D derivatives of a code are directional derivatives at D copies of it, in one pass forward.
    """
    z, size = model.infer(x).sample(num_samples, seed), model.latent_dim  # [S, B, D]
    copies = tf.repeat(tf.reshape(z, [-1, size]), size, axis=0)  # [S B D, D]
    directions = tf.tile(tf.eye(size), [tf.shape(copies)[0] // size, 1])
    with tf.autodiff.ForwardAccumulator(copies, directions) as forward:
        mean = model.decode(copies).mean()
    derivatives = forward.jvp(mean, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    jacobian = tf.reshape(derivatives, [-1, size, math.prod(model.likelihood.event_shape)])  # transposed
    gram = tf.matmul(jacobian, jacobian, transpose_b=True)  # [S B, D, D]
    squares = tf.linalg.trace(gram), tf.reduce_max(tf.linalg.eigvalsh(gram), axis=-1)
    roots = (tf.reshape(tf.sqrt(tf.maximum(square, 0.0)), tf.shape(z)[:2]) for square in squares)
    return tuple(tf.reduce_mean(root, axis=0) for root in roots)  # samples


def _residuals(model, x, seed, num_samples: int) -> tuple:
    """Returns E_Q (x - E[x|z])^2 and the variance of p(x|z), sums over seen entries, each [B]."""
    p = model.decode(model.infer(x).sample(num_samples, seed))
    axes, seen = model.likelihood.event_axes, tf.math.logical_not(tf.math.is_nan(x))
    squares = tf.where(seen, x - p.mean(), 0.0) ** 2, tf.where(seen, p.variance(), 0.0)
    return tuple(tf.reduce_mean(tf.reduce_sum(square, axis=axes), axis=0) for square in squares)  # samples


def _num_entries(model, x, seed) -> tuple:
    """Returns the number of seen entries [B], as a tuple."""
    del seed
    missing = tf.math.is_nan(tf.cast(x, tf.float32))
    return (tf.reduce_sum(tf.cast(~missing, tf.int32), axis=model.likelihood.event_axes),)
