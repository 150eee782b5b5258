"""Bounds of two posteriors from the same noise.

Letters: B observations, K components of each posterior, S draws from each component.
"""

import math
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from scipy.special import logsumexp

from rme_tf import objectives
from rme_tf.core.compiled import compiled
from rme_tf.core.types import Encoding
from rme_tf.evaluation import chunking


class Terms(NamedTuple):
    """Terms of estimates, one for the noise of each draw.

    Their means over draws, summed over components, are ELBOs, and 1 for the weights.
    """

    log_likelihood: np.ndarray  # importance-weighted bound on log p(x), in nats  [B]
    weights: np.ndarray  # importance weights over their mean  [S, B, K]
    first: np.ndarray  # of the ELBO of the first posterior, in nats  [S, B, K]
    second: np.ndarray  # of the ELBO of the second posterior, in nats  [S, B, K]


def terms_of(model, x, first: Encoding, second: Encoding, seed, num_draws: int) -> Terms:
    """Returns the `Terms` of two posteriors Q_1 and Q_2.

    The bound has both as proposals, by the balance heuristic: its weights have no heavier tails than the weights of
    either. The larger of two bounds, one from each, would on average be above log p(x) where one has heavy tails.

        log 1/2 sum_i sum_m alpha_im mean_s p(x, z_ims) / [Q_1(z_ims|x) / 2 + Q_2(z_ims|x) / 2]

    Args:
        model: `VAE` with the networks.
        x: observations. Shape [B, *event_shape].
        first: `Encoding` of Q_1.
        second: `Encoding` of Q_2.
        seed: stateless seed. Shape [2].
        num_draws: number of draws S from each component.

    References:
        Veach and Guibas (1995), Optimally combining sampling techniques for Monte Carlo rendering
    """
    most = chunking.chunks(model, 2 * len(x), num_draws).draws
    passes = -(-num_draws // most)
    chunk = -(-num_draws // passes)
    parts = [tf.TensorSpec([None, *part.shape[1:]], tf.float32) for part in first]
    signature = (model.likelihood.spec(), *parts, *parts, tf.TensorSpec([2], tf.int32))
    call = compiled(_log_densities, model, passes, chunk, signature=signature)
    values = call(x, *first, *second, seed).numpy().astype(np.float64)[..., :num_draws, :, :]  # [3, 2, S, B, K]
    log_joint, log_first, log_second = values
    log_alpha = np.stack([np.asarray(encoding.log_alpha, np.float64) for encoding in (first, second)])[:, np.newaxis]
    log_weights = log_alpha + log_joint - np.logaddexp(log_first, log_second)  # 1/2 over 1/2
    bound = logsumexp(log_weights, axis=(0, 1, 3)) - math.log(num_draws)
    weights = np.exp(log_weights - bound[:, np.newaxis]).sum(axis=0)
    alpha = np.exp(log_alpha)[:, 0]
    of_first, of_second = (alpha[i] * (log_joint[i] - log_q[i]) for i, log_q in enumerate((log_first, log_second)))
    return Terms(bound, weights, of_first, of_second)


# Graph code.


def _log_densities(model, x, params_1, log_alpha_1, params_2, log_alpha_2, seed, passes: int, chunk: int):
    """Returns log p(x, z), log Q_1(z|x) and log Q_2(z|x) at draws of both, in nats. Shape [3, 2, S, B, K]."""
    encodings = Encoding(params_1, log_alpha_1), Encoding(params_2, log_alpha_2)
    both = [model.posterior_of(encoding) for encoding in encodings]
    prior = model.prior.distribution()

    def body(index):
        """Returns the densities at the next `chunk` draws."""
        draws = [q.draw_with_log_probs(chunk, tf.random.fold_in(seed, index)) for q in both]
        values = []
        for drawn, (of_draws, log_q_all) in enumerate(draws):
            log_lik, log_prior = model.log_joint(x, of_draws.z, prior=prior)
            log_q = [log_q_all if drawn == i else q.component_log_probs(of_draws.z) for i, q in enumerate(both)]
            densities = [
                objectives.log_mixture(q.log_alpha[:, tf.newaxis], at) for q, at in zip(both, log_q, strict=True)
            ]
            values.append(tf.stack([log_lik + log_prior, *densities]))
        return tf.stack(values, axis=1)

    size = log_alpha_1.shape[-1]
    spec = tf.TensorSpec([3, 2, chunk, None, size], tf.float32)
    parts = tf.map_fn(body, tf.range(passes), parallel_iterations=1, fn_output_signature=spec)  # bounds the memory
    parts = tf.transpose(parts, [1, 2, 0, 3, 4, 5])  # [3, 2, passes, chunk, B, K]
    return tf.reshape(parts, [3, 2, passes * chunk, -1, size])
