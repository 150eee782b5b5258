"""Distances between the components of Q(z|x), for each observation."""

import numpy as np
import tensorflow as tf

from rme_tf.core.argument_checks import check_model
from rme_tf.core.validation import check_counts
from rme_tf.evaluation import chunking
from rme_tf.evaluation.batchwise import batchwise
from rme_tf.likelihoods.input_checks import checked_whole


def component_distances(model, x, *, num_samples=100, seed=0, batch_size=128) -> np.ndarray:
    """Returns KL(q_m || q_j) of the components of Q(z|x), in nats.

        mean_s [log q_m(z_s) - log q_j(z_s)],   z_s ~ q_m

    `CollapseReport.component_kl` is its mean over observations, from other draws.

    Args:
        model: `VAE` with the components.
        x: array [N, *event_shape], or a finite `tf.data.Dataset` of batches; checked against the likelihood's support.
        num_samples: number of draws S from each component.
        seed: integer seed of the draws.
        batch_size: largest number of observations B in a batch.

    Returns:
        kl: KL with indices [n, m, j], zero for m = j. Shape [N, M, M].

    Raises:
        ValueError: if the data are outside of the likelihood's support, empty or infinite, or a number is less than 1.
    """
    check_model(model)
    x = checked_whole(x, model.likelihood)
    check_counts(num_samples=num_samples, batch_size=batch_size)
    values = num_samples * model.num_components * (model.num_components + model.latent_dim)
    rows = max(1, min(batch_size, chunking.NUMBERS_AT_ONCE // values))
    (kl,) = batchwise(_component_kl, model, x, num_samples, rows=rows, seed=seed)
    return kl


def _component_kl(model, x, seed, num_samples: int) -> tuple:
    """Returns the KL between components [B, M, M], as a tuple; graph code."""
    _, log_q_all = model.infer(x).sample_with_log_probs(num_samples, seed)  # [S, B, M, M]
    log_q = tf.linalg.diag_part(log_q_all)[..., tf.newaxis]
    return (tf.reduce_mean(log_q - log_q_all, axis=0),)  # samples
