"""Approximation gap and amortization gap of a posterior, observation by observation.

Letters: N observations, B batch, K components in use, P params, S draws from each component.
"""

from typing import NamedTuple

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from rme_tf.core.argument_checks import check_model
from rme_tf.core.outer_calls import InnerCalls
from rme_tf.core.types import Encoding
from rme_tf.core.validation import check_count, check_counts, check_flag, require
from rme_tf.evaluation import chunking
from rme_tf.evaluation.finished_batches import FinishedBatches, digest, digest_of_weights
from rme_tf.evaluation.gaps import summary as gap_summary
from rme_tf.evaluation.gaps.balanced_bounds import terms_of
from rme_tf.evaluation.gaps.local_search import (
    LocalSearch,
    best_posteriors,
    check_search,
    encoding_of,
    mean_and_error,
    rows_at_once,
)
from rme_tf.evaluation.likelihood_bounds import Estimate, draws_per_component, estimate
from rme_tf.likelihoods.input_checks import batches, checked_whole, data_errors_as_value_errors

OF_VALUES = 3  # folded into the seed of a batch, see `local_search`


class InferenceGaps(NamedTuple):
    """Gaps of each observation, in nats, and the best posteriors q*.

        log p(x) - ELBO(q) = [log p(x) - ELBO(q*)] + [ELBO(q*) - ELBO(q)]
        inference gap      = approximation gap     + amortization gap

    Errors are standard errors over draws.
    """

    log_likelihood: np.ndarray  # log p(x), given or a lower bound on average  [N]
    optimal_elbo: np.ndarray  # ELBO(q*)  [N]
    elbo: np.ndarray  # ELBO(q)  [N]
    log_likelihood_error: np.ndarray  # NaN where log p(x) was given  [N]
    optimal_elbo_error: np.ndarray  # [N]
    elbo_error: np.ndarray  # [N]
    approximation_error: np.ndarray  # of the approximation gap  [N]
    amortization_error: np.ndarray  # of the amortization gap, from the same noise for q and q*  [N]
    params: np.ndarray  # of q*  [N, K, P]
    log_alpha: np.ndarray  # of q*  [N, K]
    start: np.ndarray  # start of q*, 0 the encoder's output; -1 where q* is q  [N]
    last_gain: np.ndarray  # gain of ELBO(q*) in the last round of the search  [N]
    converged: np.ndarray  # whether that gain was insignificant  [N]

    @property
    def inference_gap(self) -> np.ndarray:
        """Difference log p(x) - ELBO(q). Shape [N]."""
        return self.log_likelihood - self.elbo

    @property
    def approximation_gap(self) -> np.ndarray:
        """Difference log p(x) - ELBO(q*). Shape [N]."""
        return self.log_likelihood - self.optimal_elbo

    @property
    def amortization_gap(self) -> np.ndarray:
        """Difference ELBO(q*) - ELBO(q). Shape [N]."""
        return self.optimal_elbo - self.elbo

    def means(self) -> dict[str, Estimate]:
        """Returns the mean over observations of each bound and gap."""
        return {name: estimate(getattr(self, name)) for name in gap_summary.MEANS}

    def summary(self) -> str:
        """Returns the means and the convergence of the search in words."""
        return gap_summary.summary_of(self)


def inference_gaps(
    model,
    x,
    *,
    log_likelihood=None,
    num_samples: int = 5000,
    refined: bool = True,
    search: LocalSearch = LocalSearch(),  # noqa: B008, it is immutable
    seed: int = 0,
    batch_size: int = 128,
    path=None,
    progress: bool = True,
) -> InferenceGaps:
    """Returns the `InferenceGaps` of each observation, by ascent of its ELBO.

    q* has the largest ELBO among the posteriors of the model's family: params of each of the K components in use, and
    their mixing weights if these are learned, are free for each observation. Weights that all observations share are
    held: the decoder and the prior, and the networks of a flow, so that what they cost counts as approximation.

    The ELBOs are estimated from draws that the search has not seen. By default log p(x) is the importance-weighted
    bound with both q and q* as proposals; as a lower bound, it underestimates the approximation gap. A search that has
    not converged overestimates it, and underestimates the amortization gap. Gaps on training and on test data differ by
    what inference generalizes: see `gap_table`.

    Args:
        model: `VAE` to evaluate, trained or not.
        x: array [N, *event_shape], or a finite `tf.data.Dataset` of batches.
        log_likelihood: log p(x) in nats, from annealed importance sampling for instance. Shape [N]. None estimates it.
        num_samples: number of draws for each ELBO of an observation, over all components, rounded up.
        refined: whether q is the posterior after the model's refinement, if any; otherwise it is the encoder's output,
            and the amortization gap has what the refinement gains.
        search: settings of the search for q*.
        seed: integer seed of starts and draws.
        batch_size: largest number of observations in a batch; the memory of the search may ask for fewer.
        path: file of the results of finished batches, from which the same call continues; None keeps nothing.
        progress: whether to show a progress bar.

    Raises:
        ValueError: if the data are outside of the likelihood's support, empty or infinite, `log_likelihood` is not one
            finite number for each observation, a setting is out of range, or the file is from another call.

    References:
        Cremer, Li and Duvenaud (2018), https://arxiv.org/abs/1801.03558
    """
    check_model(model)
    check_flag("progress", progress)
    x = checked_whole(x, model.likelihood)
    check_counts(2, num_samples=num_samples)
    check_counts(batch_size=batch_size)
    check_count("seed", seed, 0, most=2**31 - 1)
    check_flag("refined", refined)
    check_search(model, search)
    known = None if log_likelihood is None else _checked_likelihood(log_likelihood, x)
    call = Call(rows_at_once(model, search, batch_size), num_samples, refined, seed, search)
    batches_done = FinishedBatches(path, _settings(model, call, known))
    with InnerCalls(), data_errors_as_value_errors():
        parts = chunking.parts_of(batches(x, call.rows), model.likelihood, call.rows)
        for start, part in batches_done.unfinished(_bar(parts, x, call.rows, progress)):
            batches_done.add(part, **_gaps_of_batch(model, part, known, start, call)._asdict())
    return InferenceGaps(**batches_done.results())


class Call(NamedTuple):
    """Settings of a call, which its results depend on."""

    rows: int  # observations that are searched together
    num_samples: int  # draws for each ELBO, over all components
    refined: bool  # whether q is after refinement
    seed: int
    search: LocalSearch


def _gaps_of_batch(model, x, known, start: int, call: Call) -> InferenceGaps:
    """Returns `InferenceGaps` of a batch whose first observation has the number `start`."""
    seed = tf.constant([call.seed, start], tf.int32)
    q = encoding_of(model, x, refined=call.refined)
    optimal = best_posteriors(model, x, q, seed, call.search)
    best = Encoding(tf.constant(optimal.params), tf.constant(optimal.log_alpha))
    num_draws = max(2, draws_per_component(call.num_samples, q.log_alpha.shape[-1]))
    terms = terms_of(model, x, best, q, tf.random.fold_in(seed, OF_VALUES), num_draws)
    (optimum, optimum_error), (elbo, elbo_error) = map(mean_and_error, (terms.first, terms.second))
    log_lik, log_lik_error, weights = terms.log_likelihood, mean_and_error(terms.weights)[1], terms.weights
    if known is not None:
        log_lik, log_lik_error, weights = known[start : start + len(x)], np.full(len(x), np.nan), np.zeros_like(weights)
    errors = mean_and_error(weights - terms.first)[1], mean_and_error(terms.first - terms.second)[1]
    return InferenceGaps(log_lik, optimum, elbo, log_lik_error, optimum_error, elbo_error, *errors, *optimal)


# Data.


def _bar(parts, x, rows: int, progress: bool):
    """Returns the parts with a progress bar."""
    total = None if isinstance(x, tf.data.Dataset) else -(-len(x) // rows)
    return tqdm(parts, "inference gaps", total, leave=False, disable=not progress)


def _checked_likelihood(values, x) -> np.ndarray:
    """Returns a finite log-likelihood for each observation. Shape [N]."""
    values = np.asarray(values, np.float64)
    with data_errors_as_value_errors():
        size = sum(len(batch) for batch in batches(x, 1024))
    received = values.shape if values.shape != (size,) else "values that are not finite"
    valid = values.shape == (size,) and np.isfinite(values).all()
    require(valid, "log_likelihood", f"have a finite value for each of the {size} observations", received)
    return values


def _settings(model, call: Call, known) -> dict:
    """Returns all that the results depend on except the observations, as JSON values."""
    given_digest = None if known is None else digest([known])
    weights = digest_of_weights(model)
    entries = {"kind": "inference_gaps", **call._asdict(), "search": list(call.search)}
    return {**entries, "weights": weights, "log_likelihood": given_digest}
