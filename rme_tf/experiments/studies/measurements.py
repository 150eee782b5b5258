"""Gaps and modes of an inference on a frozen decoder.

Letters: N observations, K components, D latent dimensions.
"""

from typing import Any

import numpy as np

from rme_tf.core.types import Encoding
from rme_tf.evaluation import (
    LocalSearch,
    PosteriorShape,
    annealed_importance,
    bounds,
    component_distances,
    inference_gaps,
    posterior_shape,
)
from rme_tf.evaluation.modes.posterior_modes import missed_mass
from rme_tf.experiments.studies.fields import InferenceFields
from rme_tf.models.vae import VAE

SEED = 123  # of all estimates
DECIMALS = 4  # of recorded numbers, in nats


def true_log_likelihood(model: VAE, x, fields: InferenceFields) -> tuple[np.ndarray, str]:
    """Returns log p(x) in nats [N], and the name of the estimator.

    Args:
        model: model with the decoder.
        x: observations. Shape [N, *event_shape].
        fields: sizes of the estimates.
    """
    if model.latent_dim == 2:
        return shape_of(model, x, fields).log_evidence, "grid"
    sizes = {"num_temperatures": fields.temperatures, "num_chains": fields.chains}
    annealed = annealed_importance(model, x, **sizes, num_leapfrog_steps=5, seed=SEED, progress=False)
    return annealed.log_likelihood, "AIS"


def shape_of(model: VAE, x, fields: InferenceFields, encoding: Encoding | None = None) -> PosteriorShape:
    """Returns the modes of the true posteriors, and which Q covers."""
    return posterior_shape(model, x, encoding=encoding, num=fields.grid, progress=False)


def elbo_of(model: VAE, x, fields: InferenceFields) -> np.ndarray:
    """Returns ELBO(Q) of each observation, in nats. Shape [N]."""
    return bounds(model, x, num_samples=fields.samples, seed=SEED, progress=False).elbo


def best_of(model: VAE, x, log_likelihood, fields: InferenceFields, **choices):
    """Returns `InferenceGaps` with the best posterior of each observation.

    Args:
        model: model whose family is searched.
        x: observations. Shape [N, *event_shape].
        log_likelihood: log p(x). Shape [N].
        fields: sizes of the search and the estimates.
        **choices: further settings of `LocalSearch`.
    """
    search = LocalSearch(steps=fields.search_steps, **choices)
    options: dict[str, Any] = {"num_samples": fields.samples, "search": search, "progress": False}
    return inference_gaps(model, x, log_likelihood=log_likelihood, seed=SEED, **options)


def mode_metrics(shape: PosteriorShape) -> dict[str, Any]:
    """Returns the coverage of modes, over observations with several.

    Args:
        shape: modes of the true posteriors.
    """
    several = shape.num_modes > 1
    missed = missed_mass(shape)[several]
    modes, covered = int(shape.num_modes[several].sum()), int(shape.covered[several].sum())
    return {
        "observations": len(several),
        "with_several_modes": int(several.sum()),
        "modes": modes,
        "covered": covered,
        "missed_mass": rounded(missed.mean()) if several.any() else 0.0,
        "missed_nats": rounded(-np.log1p(-np.minimum(missed, 1.0 - 1e-6)).mean()) if several.any() else 0.0,
    }


def mean_component_kl(model: VAE, x) -> float:
    """Returns the mean KL(q_m || q_j) of pairs of components, in nats."""
    count = model.num_components
    if count == 1:
        return 0.0
    kl = component_distances(model, x, seed=SEED)
    return rounded(kl.sum(axis=(1, 2)).mean() / (count * (count - 1)))


def rounded(values):
    """Returns rounded numbers as JSON values."""
    return np.round(np.asarray(values, np.float64), DECIMALS).tolist()
