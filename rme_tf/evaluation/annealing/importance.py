"""Log-likelihoods by annealed importance sampling (AIS).

Letters: N observations, C chains, B batch, T temperatures, S stages, D latent dimensions.
"""

import math
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from rme_tf.core.argument_checks import check_model
from rme_tf.core.validation import check_flag
from rme_tf.evaluation import chunking
from rme_tf.evaluation.annealing import weights
from rme_tf.evaluation.annealing.chains import Chains
from rme_tf.evaluation.annealing.settings import Annealing
from rme_tf.evaluation.finished_batches import FinishedBatches
from rme_tf.evaluation.proposal import effective_sample_size
from rme_tf.likelihoods.input_checks import batches, checked_whole, data_errors_as_value_errors


class AnnealedImportance(NamedTuple):
    """Estimates of log p(x) by annealed importance sampling, for each observation."""

    log_likelihood: np.ndarray  # in nats  [N]
    standard_error: np.ndarray  # of the log-likelihood, from the variance between chains, in nats  [N]
    effective_sample_size: np.ndarray  # of the weights of C chains, from 1 to C  [N]
    log_weights: np.ndarray  # log weights of the chains, in nats  [N, C]
    acceptance: np.ndarray  # mean acceptance probability in each stage  [N, S]
    step_size: np.ndarray  # tuned step size of each stage  [N, S]


def annealed_importance(
    model,
    x,
    *,
    num_temperatures=1000,
    num_chains=16,
    num_leapfrog_steps=10,
    schedule="sigmoid",
    start="prior",
    seed=0,
    batch_size=128,
    path=None,
    progress=True,
) -> AnnealedImportance:
    """Returns `AnnealedImportance` estimates of log p(x), by HMC.

    A chain moves a code from the start p_0(z) to the posterior p(z|x), through densities proportional to

        p_0(z)^(1 - b) p(x, z)^b,   b = b_0 = 0 < ... < b_T = 1

    by one transition of Hamiltonian Monte Carlo (HMC) at each b. Its weight w is an unbiased estimate of p(x), and
    log mean_c w_c a lower bound on log p(x) in expectation, which tightens with temperatures and chains. Neither uses
    an encoder if the start is the prior, so the estimate does not depend on Q(z|x). From Q(z|x) fewer temperatures
    suffice.

    Step sizes are fixed before the chains start, as the weights would be biased otherwise: a pilot run of 8 chains with
    other random numbers and a fourth of the temperatures, at least 50, adapts the step size of each observation to an
    acceptance of 0.65. Its mean in each of ten stages of temperatures, interpolated, is the mean step size of the
    chains; single steps are drawn from half to one and a half of it.

    Args:
        model: `VAE` to evaluate.
        x: array [N, *event_shape], or a finite `tf.data.Dataset` of batches; checked against the likelihood's support.
        num_temperatures: number of temperatures T after the start.
        num_chains: number of chains C for each observation.
        num_leapfrog_steps: number of leapfrog steps of a transition.
        schedule: schedule of b, "linear" or "sigmoid" (dense near 0 and 1).
        start: distribution p_0 of the first codes, "prior" for p(z) or "posterior" for Q(z|x).
        seed: integer seed of the chains.
        batch_size: largest number of observations B in a batch; fewer are taken if memory asks for it.
        path: .npz file of finished batches, from which the same call resumes; None for no file.
        progress: whether to show a progress bar, over temperatures.

    Raises:
        ValueError: if the data are outside of the likelihood's support, empty or infinite, an argument is out of range,
            or the file has results of another model, other data or settings.

    References:
        Neal (2001), https://arxiv.org/abs/physics/9803008
        Wu, Burda, Salakhutdinov and Grosse (2017), https://arxiv.org/abs/1611.04273
    """
    check_model(model)
    check_flag("progress", progress)
    x = checked_whole(x, model.likelihood)
    settings = Annealing(num_temperatures, num_chains, num_leapfrog_steps, schedule, start, seed, batch_size)
    batches_done = FinishedBatches(path, settings.described(model, kind="annealed_importance"))
    _anneal(model, x, settings, batches_done, progress)
    return _estimates(**batches_done.results())


def _anneal(model, x, settings: Annealing, batches_done: FinishedBatches, progress: bool) -> None:
    """Computes the batches that are not done."""
    rows = settings.rows(model)
    count = None if isinstance(x, tf.data.Dataset) else math.ceil(len(x) / rows)
    with data_errors_as_value_errors(), settings.bar(count, len(batches_done), progress) as bar:
        parts = chunking.parts_of(batches(x, rows), model.likelihood, rows)
        for first, part in batches_done.unfinished(parts):
            chains = Chains(model, part, settings, first, bar.update)
            log_weights, steps = chains.forward(chains.tune())
            batches_done.add(part, log_weights=log_weights, **steps.entries())


def _estimates(log_weights, acceptance, step_size) -> AnnealedImportance:
    return AnnealedImportance(
        weights.log_mean(log_weights),
        weights.log_mean_error(log_weights),
        effective_sample_size(log_weights),
        log_weights,
        acceptance,
        step_size,
    )
