"""Settings of annealed importance sampling (AIS).

Letters: C chains, B batch, T temperatures.
"""

import dataclasses
from typing import Any

from tqdm import tqdm

from rme_tf.core.validation import check_choice, check_count, check_counts
from rme_tf.evaluation import chunking
from rme_tf.evaluation.annealing.temperatures import SCHEDULES
from rme_tf.evaluation.finished_batches import digest_of_weights

STARTS = ("prior", "posterior")
PILOT_CHAINS, PILOT_SHARE, LEAST_PILOT = 8, 4, 50  # a pilot run has a fourth of the temperatures, and at least 50
GRADIENTS = 4  # factor of the memory of an evaluation that gradients need
NUM_FIRST = 20  # transitions of the pilot run at the start
LARGEST_SEED = 2**31 - 1


@dataclasses.dataclass(frozen=True)
class Annealing:
    """Settings of AIS, checked.

    Args:
        num_temperatures: number of temperatures T.
        num_chains: number of chains C.
        num_leapfrog_steps: number of leapfrog steps of a transition.
        schedule: key of `SCHEDULES`.
        start: distribution of the first codes, "prior" or "posterior".
        seed: integer seed.
        batch_size: largest number of observations B.

    Raises:
        ValueError: if a number is out of range, or a choice is unknown.
    """

    num_temperatures: int
    num_chains: int
    num_leapfrog_steps: int
    schedule: str
    start: str
    seed: int
    batch_size: int

    def __post_init__(self):
        names = ("num_temperatures", "num_chains", "num_leapfrog_steps", "batch_size")
        check_counts(**{name: getattr(self, name) for name in names})
        check_choice("schedule", self.schedule, sorted(SCHEDULES))
        check_choice("start", self.start, STARTS)
        check_count("seed", self.seed, 0, most=LARGEST_SEED)

    @property
    def num_pilot_temperatures(self) -> int:
        """Number of temperatures of the pilot run."""
        return min(self.num_temperatures, max(LEAST_PILOT, self.num_temperatures // PILOT_SHARE))

    def rows(self, model) -> int:
        """Returns the number of observations in a batch that fits in memory."""
        return min(self.batch_size, max(1, codes_at_once(model) // max(self.num_chains, PILOT_CHAINS)))

    def described(self, model, **more: Any) -> dict[str, Any]:
        """Returns everything that results depend on except the observations.

        Args:
            model: `VAE` to evaluate.
            **more: further entries.
        """
        return {**vars(self), "batch_size": self.rows(model), "weights": digest_of_weights(model), **more}

    def bar(self, num_batches: int | None, num_done: int, progress: bool, passes: int = 1) -> tqdm:
        """Returns a progress bar over the temperatures of all batches.

        Args:
            num_batches: number of batches; None if unknown.
            num_done: number of finished batches.
            progress: whether to show the bar.
            passes: number of passes over all temperatures for a batch, without the pilot run.
        """
        of_each = NUM_FIRST + self.num_pilot_temperatures + passes * self.num_temperatures
        total = None if num_batches is None else of_each * num_batches
        options: dict[str, Any] = {
            "desc": f"{self.num_temperatures} temperatures",
            "disable": not progress,
            "leave": False,
        }
        return tqdm(total=total, initial=of_each * num_done, **options)


def codes_at_once(model) -> int:
    """Returns the number of latent codes to move at a time."""
    return max(1, chunking.codes_at_once(model) // GRADIENTS)
