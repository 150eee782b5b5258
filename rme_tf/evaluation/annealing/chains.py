"""Chains of annealed importance sampling for a batch of observations.

Letters: N observations, C chains, B batch, T temperatures, S stages, D latent dimensions.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from rme_tf.core.compiled import compiled
from rme_tf.core.outer_calls import InnerCalls
from rme_tf.evaluation.annealing.settings import NUM_FIRST, PILOT_CHAINS, Annealing, codes_at_once
from rme_tf.evaluation.annealing.temperatures import inverse_temperatures
from rme_tf.evaluation.annealing.transitions import anneal, start_of

STAGES = 10  # of temperatures, with one tuned step size each
PILOT_RATE = 0.5  # of the adaptation of log step sizes
FIRST_STEP = 0.5  # step size before the adaptation, times D^(-1/4)
OF_PILOT_START, OF_FIRST, OF_PILOT, OF_START, OF_FORWARD, OF_REVERSE = range(1, 7)  # folded into the seed of a batch


class Steps(NamedTuple):
    """Step sizes of the stages of a batch, and acceptance probabilities."""

    log_steps: np.ndarray  # [B, S]
    acceptance: np.ndarray  # [B, S]

    def entries(self) -> dict[str, np.ndarray]:
        """Returns acceptance and step sizes [B, S] by name."""
        return {"acceptance": self.acceptance, "step_size": np.exp(self.log_steps)}


class Chains:
    """Chains for a batch of observations.

    Args:
        model: `VAE` to evaluate.
        x: batch of observations. Shape [B, *event_shape].
        settings: settings of AIS.
        first: index of the first observation of the batch, a part of the seed.
        progress: function that is called with a number of temperatures when they are done.
    """

    def __init__(self, model, x, settings: Annealing, first: int, progress: Callable[[int], object]):
        self.model, self.settings, self.progress = model, settings, progress
        self.x, self.seed = model.likelihood.cast(x), tf.constant([settings.seed, first], tf.int32)

    def tune(self) -> np.ndarray:
        """Returns log step sizes [B, S] from a pilot run."""
        shape, first_step = [NUM_FIRST, len(self.x)], FIRST_STEP * self.model.latent_dim**-0.25
        z, first = self._start(PILOT_CHAINS, OF_PILOT_START), np.full(shape, math.log(first_step), np.float32)
        at_start = self._run(z, np.zeros(NUM_FIRST + 1), first, OF_FIRST, rate=PILOT_RATE)[2].log_steps[:, -1]
        count = self.settings.num_pilot_temperatures
        betas, table = inverse_temperatures(self.settings.schedule, count), np.tile(at_start, [count, 1])
        return self._run(z, betas, table, OF_PILOT, rate=PILOT_RATE)[2].log_steps

    def forward(self, log_steps) -> tuple[np.ndarray, Steps]:
        """Returns log weights and `Steps` of chains to the posterior.

        Args:
            log_steps: log step sizes of the stages. Shape [B, S].

        Returns:
            log_weights: Shape [B, C].
            steps: step sizes and acceptance.
        """
        return self.draws(log_steps)[1:]

    def draws(self, log_steps) -> tuple[np.ndarray, np.ndarray, Steps]:
        """Returns weighted draws from p(z|x), the ends of the chains of `forward`.

        Args:
            log_steps: log step sizes of the stages. Shape [B, S].

        Returns:
            codes: Shape [B, C, D].
            log_weights: Shape [B, C].
            steps: step sizes and acceptance.
        """
        betas = inverse_temperatures(self.settings.schedule, self.settings.num_temperatures)
        table = interpolated(log_steps, self.settings.num_temperatures)[1:]
        sizes = self._groups()
        runs = [
            self._run(self._start(size, OF_START, group), betas, table, OF_FORWARD, group)
            for group, size in enumerate(sizes)
        ]
        return self._joined(runs, sizes)

    def reverse(self, z, log_steps) -> tuple[np.ndarray, Steps]:
        """Returns log weights and `Steps` of chains from the posterior.

        Args:
            z: draws from p(z|x), from which all chains of an observation start. Shape [B, D].
            log_steps: log step sizes of the stages. Shape [B, S].

        Returns:
            log_weights: Shape [B, C].
            steps: step sizes and acceptance.
        """
        betas = inverse_temperatures(self.settings.schedule, self.settings.num_temperatures)[::-1]
        table = interpolated(log_steps, self.settings.num_temperatures)[-2::-1]
        sizes = self._groups()
        runs = [
            self._run(tf.tile(z[tf.newaxis], [size, 1, 1]), betas, table, OF_REVERSE, group)
            for group, size in enumerate(sizes)
        ]
        _, log_inverses, steps = self._joined(runs, sizes)
        return -log_inverses, steps

    def _joined(self, runs, sizes) -> tuple[np.ndarray, np.ndarray, Steps]:
        """Returns the last codes [B, C, D] and the log sums [B, C] of all groups of chains, and the `Steps`."""
        codes, log_weights, steps = zip(*runs, strict=True)
        acceptance = np.average([step.acceptance for step in steps], axis=0, weights=sizes)
        return (
            np.concatenate(codes).transpose(1, 0, 2),
            np.concatenate(log_weights).T,
            Steps(steps[0].log_steps, acceptance),
        )

    def _groups(self) -> list[int]:
        """Returns the numbers of chains that run at a time."""
        most = max(1, codes_at_once(self.model) // len(self.x))
        count = self.settings.num_chains
        return [min(most, count - first) for first in range(0, count, most)]

    def _start(self, num_chains: int, key: int, group: int = 0):
        seed = self._seed(key, group)
        with InnerCalls():
            return compiled(start_of, self.model, num_chains, self.settings.start)(self.x, seed)

    def _seed(self, key: int, group: int):
        return tf.random.fold_in(tf.random.fold_in(self.seed, key), group)

    def _run(self, z, betas, table, key: int, group: int = 0, rate: float = 0.0) -> tuple:
        """Returns the last codes [C, B, D] and log sums [C, B] of `anneal` over all stages, and the `Steps`."""
        spec = tf.TensorSpec
        signature = (
            self.model.likelihood.spec(),
            spec([None, None, self.model.latent_dim], tf.float32),
            spec([None], tf.float64),
            spec([None, None], tf.float32),
            spec([None], tf.float32),
            spec([], tf.float32),
            spec([2], tf.int32),
        )
        options = self.settings.num_leapfrog_steps, self.settings.start
        run, seed = compiled(anneal, self.model, *options, signature=signature), self._seed(key, group)
        log_weights, drift, parts = [], tf.zeros([len(self.x)]), []
        for stage, chosen in enumerate(np.array_split(np.arange(len(table)), min(STAGES, len(table)))):
            stage_betas = tf.constant(betas[chosen[0] : chosen[-1] + 2])
            with InnerCalls():
                z, log_weight, drift, *steps = run(
                    self.x, z, stage_betas, tf.constant(table[chosen]), drift, rate, tf.random.fold_in(seed, stage)
                )
            log_weights.append(log_weight.numpy())
            parts.append([step.numpy() for step in steps])
            self.progress(len(chosen))
        steps = Steps(*(np.stack(column, axis=-1) for column in zip(*parts, strict=True)))
        return np.asarray(z), np.sum(log_weights, axis=0), steps


def interpolated(log_steps, num_temperatures: int) -> np.ndarray:
    """Returns log step sizes [T + 1, B], interpolated between the middles of stages.

    Args:
        log_steps: log step sizes of the stages. Shape [B, S].
        num_temperatures: number of temperatures T after the start.
    """
    stages = log_steps.shape[-1]
    middles, shares = (np.arange(stages) + 0.5) / stages, np.arange(num_temperatures + 1) / num_temperatures
    return np.stack([np.interp(shares, middles, row) for row in log_steps], axis=-1).astype(np.float32)
