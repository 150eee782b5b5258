"""Modes of true posteriors and their masses, by Hamiltonian Monte Carlo.

Letters: N observations, B batch, C chains from each start, M components, R starts of ascents, K modes, D latent
dimensions.
"""

import dataclasses
import math
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from rme_tf.core.argument_checks import check_model
from rme_tf.core.compiled import compiled
from rme_tf.core.estimates import short, with_error
from rme_tf.core.outer_calls import InnerCalls
from rme_tf.core.validation import check_count, check_flag
from rme_tf.evaluation import chunking
from rme_tf.evaluation.annealing.chains import Chains
from rme_tf.evaluation.annealing.settings import STARTS, Annealing
from rme_tf.evaluation.diagnostics import standard_error
from rme_tf.evaluation.finished_batches import FinishedBatches
from rme_tf.evaluation.modes.ascents import SETTLED, ascended, merged_ends
from rme_tf.evaluation.modes.mode_masses import LEAST_SIZE, masses_of
from rme_tf.evaluation.modes.posterior_modes import check_choices, heaviest, joined, modes_in_words, padded_rows
from rme_tf.evaluation.modes.search import unsettled_in_words
from rme_tf.likelihoods.input_checks import batches, checked_whole, data_errors_as_value_errors

LEAPFROG_STEPS = 10  # of a transition, the default of `annealed_importance`
OF_DRAWS = 7  # folded into the seed of a batch; `chains` has the others


class SampledModes(NamedTuple):
    """Modes of true posteriors that draws ascend to, the heaviest first."""

    num_modes: np.ndarray  # [N]
    modes: np.ndarray  # NaN for modes that an observation lacks  [N, K, D]
    mass: np.ndarray  # share of p(z|x) in the basin of each mode  [N, K]
    q_mass: np.ndarray  # share of the draws of Q that ascend to it  [N, K]
    covered: np.ndarray  # whether enough of them do  [N, K]
    component_mass: np.ndarray  # share of the draws of each component that ascend to it  [N, M, K]
    mass_error: np.ndarray  # standard error of the mass, over the chains  [N, K]
    mass_by_start: np.ndarray  # the mass by the chains from the prior only, and by those from Q only  [N, 2, K]
    effective_sample_size: np.ndarray  # of the weights of all chains, from 1 to 2 C  [N]
    log_evidence: np.ndarray  # log p(x) by the chains, in nats  [N]
    acceptance: np.ndarray  # mean acceptance probability of the chains of each start  [N, 2]
    settled: np.ndarray  # share of the ascents that gained less than 0.1 nats in their last tenth  [N]

    def summary(self) -> str:
        """Returns the modes in words, several lines."""
        lines, sizes = modes_in_words(self), self.effective_sample_size
        lines.append(f"Effective sample size of the chains: {with_error(float(sizes.mean()), standard_error(sizes))}.")
        if sizes.min() < LEAST_SIZE:
            lines.append(
                f"In {int(np.sum(sizes < LEAST_SIZE))} observations it is below {LEAST_SIZE}, at least "
                f"{short(float(sizes.min()))}, and masses are rough: more `num_temperatures` help."
            )
        return "\n".join([*lines, *unsettled_in_words(self.settled)])


class Exploration(NamedTuple):
    """Settings that the draws and their modes depend on."""

    annealing: Annealing
    steps: int  # of an ascent
    least_depth: float  # of a pass between two modes, in nats


def sampled_modes(
    model,
    x,
    *,
    num_chains=32,
    num_temperatures=300,
    steps=300,
    seed=0,
    batch_size=128,
    path=None,
    progress=True,
    least_mass=0.05,
    least_depth=0.1,
    covered_share=0.1,
) -> SampledModes:
    """Returns the `SampledModes` of each observation, in any number of dimensions.

    A chain of HMC on p(z|x) alone stays in the mode where it starts, and does not show its mass. So the chains are
    annealed as in `annealed_importance`, C from the prior and C from Q(z|x), and their ends are weighted draws from
    p(z|x). Draws ascend log p(x, z), and ends are joined to modes as in `find_modes`; the mass of a mode is the weight
    of its draws. From each start the weight is an unbiased estimate of the mass times p(x). The two estimates are
    averaged by their effective sample sizes in the mode, so that a start which misses a mode does not count there.

    As many draws from each component of Q ascend, too: `component_mass` has the modes that a component covers. A mode
    that no chain reaches is not found, and no standard error shows it; of one that few reach, the error is too small.

    Args:
        model: `VAE` with a differentiable decoder.
        x: array [N, *event_shape], or a finite `tf.data.Dataset` of batches; checked against the likelihood's support.
        num_chains: number of chains C from each start, and of draws from each component, at least 2.
        num_temperatures: number of temperatures of a chain after the start.
        steps: number of steps of an ascent, at least 10.
        seed: integer seed of chains and draws.
        batch_size: largest number of observations B in a batch; fewer are taken if memory asks for it.
        path: .npz file of finished batches, from which the same call resumes; None for no file. `least_mass` and
            `covered_share` may be others in a later call.
        progress: whether to show a progress bar, over temperatures.
        least_mass: least share of a mode in p(z|x); modes with less are left out.
        least_depth: least depth of the density between two modes below the lower one, in nats.
        covered_share: least share of the draws of Q for a covered mode, relative to the mass of the mode.

    Raises:
        ValueError: if the data are outside of the likelihood's support, empty or infinite, a number is outside of its
            range, or the file has results of another model, other data or settings.
    """
    check_model(model)
    check_flag("progress", progress)
    x = checked_whole(x, model.likelihood)
    check_count("num_chains", num_chains, 2)
    check_count("steps", steps, 10)
    check_choices(least_mass, least_depth, covered_share)
    annealing = Annealing(num_temperatures, num_chains, LEAPFROG_STEPS, "sigmoid", "prior", seed, batch_size)
    fit = chunking.codes_at_once(model) // ((len(STARTS) + model.num_components) * num_chains)
    annealing = dataclasses.replace(annealing, batch_size=max(1, min(annealing.rows(model), fit)))
    exploration = Exploration(annealing, steps, float(least_depth))
    entries = {"kind": "sampled_modes", "start": STARTS, "steps": steps, "least_depth": exploration.least_depth}
    batches_done = FinishedBatches(path, {**annealing.described(model), **entries})
    _explore(model, x, exploration, batches_done, progress)
    return _modes(**batches_done.results(), least_mass=least_mass, covered_share=covered_share)


def _explore(model, x, exploration: Exploration, batches_done: FinishedBatches, progress: bool) -> None:
    """Computes the batches that are not done."""
    rows, passes = exploration.annealing.batch_size, len(STARTS)
    count = None if isinstance(x, tf.data.Dataset) else passes * math.ceil(len(x) / rows)
    bar = exploration.annealing.bar(count, passes * len(batches_done), progress)
    with data_errors_as_value_errors(), bar, InnerCalls():
        parts = chunking.parts_of(batches(x, rows), model.likelihood, rows)
        for first, part in batches_done.unfinished(parts):
            batches_done.add(part, **_explored(model, part, first, exploration, bar.update))


def _explored(model, x, first: int, exploration: Exploration, progress) -> dict[str, np.ndarray]:
    """Returns the chains, the ends of ascents and their modes of a batch, by name. Shape [B, ...]."""
    annealing, runs = exploration.annealing, []
    for start, key in zip(STARTS, (first, -1 - first), strict=True):  # each with a seed of its own
        chains = Chains(model, x, dataclasses.replace(annealing, start=start), key, progress)
        runs.append(chains.draws(chains.tune()))
    codes, log_weights, steps = zip(*runs, strict=True)
    climb = compiled(_ascents, model, annealing.num_chains, exploration.steps)
    seed = tf.random.fold_in([annealing.seed, first], OF_DRAWS)
    ends, heights, gains, scale, log_alpha = (
        values.numpy() for values in climb(x, tf.constant(np.concatenate(codes, axis=1)), seed)
    )
    peaks = []
    for row, end, height, unit in zip(x, ends, heights, scale, strict=True):
        peak, mode_of = merged_ends(model, row[tf.newaxis], end, height, unit, exploration.least_depth)
        peaks.append(peak[mode_of])
    return {
        "log_weights": np.stack(log_weights, axis=1),  # [B, 2, C]
        "acceptance": np.stack([step.acceptance.mean(axis=-1) for step in steps], axis=-1),
        "ends": ends,  # of the chains, then of the draws from each component in turn  [B, R, D]
        "peaks": np.stack(peaks),  # index of the highest end of the mode of each end  [B, R]
        "settled": np.mean(gains < SETTLED, axis=-1),
        "log_alpha": log_alpha,  # [B, M]
    }


def _modes(log_weights, acceptance, ends, peaks, settled, log_alpha, *, least_mass, covered_share) -> SampledModes:
    count, of_each, rows = log_weights.shape[1] * log_weights.shape[2], [], []
    for weights, peak, end, alpha in zip(log_weights, peaks, ends, np.exp(log_alpha), strict=True):
        tops, mode_of = np.unique(peak, return_inverse=True)
        masses = masses_of(weights, mode_of[:count].reshape(weights.shape), len(tops))
        of_components = mode_of[count:].reshape(len(alpha), -1, 1) == np.arange(len(tops))  # [M, C, K]
        component_mass = of_components.mean(axis=1).T  # [K, M]
        columns = end[tops], masses.mass, component_mass @ alpha, component_mass, masses.error, masses.starts
        heavy = heaviest(masses.mass, least_mass)
        rows.append([column[heavy] for column in columns])
        of_each.append(masses)
    modes, mass, q_mass, component_mass, error, by_start = zip(*rows, strict=True)
    counts, mass, q_mass, covered = joined(mass, q_mass, covered_share)
    return SampledModes(
        counts,
        padded_rows(modes, np.nan),
        mass,
        q_mass,
        covered,
        padded_rows(component_mass, 0.0).transpose(0, 2, 1),
        padded_rows(error, 0.0),
        padded_rows(by_start, 0.0).transpose(0, 2, 1),
        np.array([masses.effective_sample_size for masses in of_each]),
        np.array([masses.log_evidence for masses in of_each]),
        acceptance,
        settled,
    )


def _ascents(model, x, codes, seed, num_draws: int, steps: int) -> tuple:
    """Returns the results of `ascended`, Q's scale [B, D] and its log weights [B, M]; graph code.

    The starts are the codes [B, 2 C, D], and draws from each component.
    """
    q = model.infer(x)
    scale, draws = q.stddev(), q.sample_components(num_draws, seed)  # [S, B, M, D]
    draws = tf.reshape(tf.transpose(draws, [2, 0, 1, 3]), [-1, tf.shape(x)[0], model.latent_dim])
    z = tf.concat([tf.transpose(codes, [1, 0, 2]), draws], axis=0)  # [R, B, D]
    return *ascended(model, x, z, scale, steps), scale, q.log_alpha
