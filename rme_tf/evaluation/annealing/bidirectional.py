"""Bounds from both sides on log p(x), by bidirectional Monte Carlo (BDMC).

Letters: N observations, C chains, B batch, S stages, D latent dimensions.
"""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from rme_tf.core.argument_checks import check_model
from rme_tf.core.validation import check_counts, check_flag
from rme_tf.evaluation.annealing import weights
from rme_tf.evaluation.annealing.chains import Chains
from rme_tf.evaluation.annealing.joint_draws import check_can_be_drawn, joint_draws
from rme_tf.evaluation.annealing.settings import Annealing
from rme_tf.evaluation.finished_batches import FinishedBatches

OF_DRAWS = 7  # folded into the seed of a batch; `chains` has the others


class BidirectionalBounds(NamedTuple):
    """Stochastic bounds on log p(x) of observations from the model."""

    x: np.ndarray  # observations  [N, *event_shape]
    lower: np.ndarray  # lower bounds, in nats  [N]
    upper: np.ndarray  # upper bounds, in nats  [N]
    lower_standard_error: np.ndarray  # from the variance between chains, in nats  [N]
    upper_standard_error: np.ndarray  # from the variance between chains given their first code, in nats  [N]
    acceptance: np.ndarray  # mean acceptance probability of the forward chains in each stage  [N, S]
    step_size: np.ndarray  # tuned step size of each stage  [N, S]

    @property
    def gap(self) -> np.ndarray:
        """Upper minus lower bounds, in nats. Shape [N]."""
        return self.upper - self.lower


def bidirectional_bounds(
    model,
    num_observations=100,
    *,
    num_temperatures=1000,
    num_chains=16,
    num_leapfrog_steps=10,
    schedule="sigmoid",
    start="prior",
    max_length=50,
    seed=0,
    batch_size=128,
    path=None,
    progress=True,
) -> BidirectionalBounds:
    """Returns `BidirectionalBounds` on log p(x), for x drawn from the model.

    With z ~ p(z) and x ~ p(x|z), z is an exact draw from p(z|x). Chains of `annealed_importance` from the start to the
    posterior give a lower bound on log p(x), and the same chains backwards, from z, an upper bound:

        E[log mean_c w_c] <= log p(x) <= E[-log mean_c 1 / w_c]

    The mean gap bounds the error of `annealed_importance` with the same settings, in expectation, for observations as
    the model draws them. Of single observations the bounds are random, and may cross.

    Args:
        model: `VAE` to evaluate, whose likelihood can be sampled.
        num_observations: number of observations N.
        num_temperatures: number of temperatures T after the start.
        num_chains: number of chains C for each observation and direction.
        num_leapfrog_steps: number of leapfrog steps of a transition.
        schedule: schedule of inverse temperatures, "linear" or "sigmoid".
        start: distribution of the first codes, "prior" for p(z) or "posterior" for Q(z|x).
        max_length: largest number of tokens of a sentence of any length, EOS included.
        seed: integer seed of observations and chains.
        batch_size: largest number of observations B in a batch; fewer are taken if memory asks for it.
        path: .npz file of finished batches, from which the same call resumes; None for no file.
        progress: whether to show a progress bar, over temperatures.

    Raises:
        ValueError: if an argument is out of range, the likelihood cannot be sampled, or the file has results of another
            model or other settings.

    References:
        Grosse, Ghahramani and Adams (2015), https://arxiv.org/abs/1511.02543
        Grosse, Ancha and Roy (2016), https://arxiv.org/abs/1606.02275
    """
    check_model(model)
    check_flag("progress", progress)
    check_can_be_drawn(model)
    check_counts(num_observations=num_observations, max_length=max_length)
    settings = Annealing(num_temperatures, num_chains, num_leapfrog_steps, schedule, start, seed, batch_size)
    kind = {"kind": "bidirectional", "num_observations": num_observations, "max_length": max_length}
    batches_done = FinishedBatches(path, settings.described(model, **kind))
    _anneal(model, num_observations, max_length, settings, batches_done, progress)
    return _bounds(**batches_done.results())


def _anneal(model, count: int, max_length: int, settings: Annealing, batches_done, progress: bool) -> None:
    """Computes the batches of N observations that are not done."""
    firsts = range(0, count, rows := settings.rows(model))
    with settings.bar(len(firsts), len(batches_done), progress, passes=2) as bar:
        for first in firsts[len(batches_done) :]:
            seed = tf.random.fold_in([settings.seed, first], OF_DRAWS)
            z, x = joint_draws(model, min(rows, count - first), seed, max_length=max_length)
            chains = Chains(model, x, settings, first, bar.update)
            log_steps = chains.tune()
            forward, steps = chains.forward(log_steps)
            reverse, _ = chains.reverse(z, log_steps)
            batches_done.add(x, x=x, forward=forward, reverse=reverse, **steps.entries())


def _bounds(x, forward, reverse, acceptance, step_size) -> BidirectionalBounds:
    return BidirectionalBounds(
        x,
        weights.log_mean(forward),
        -weights.log_mean(-reverse),
        weights.log_mean_error(forward),
        weights.log_mean_error(-reverse),
        acceptance,
        step_size,
    )
