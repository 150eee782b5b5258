"""Fields of studies: methods, sweeps, seeds, budgets and records."""

import dataclasses
from typing import Any

from rme_tf.experiments.cli import Repeated


@dataclasses.dataclass(frozen=True, kw_only=True)
class StudyFields:
    """Methods, sweeps and seeds of a study.

    Args:
        methods: names of the methods, also with other values of some fields: "rme[kl_bound=5]".
        sweep: field and its values, "kl_bound=1,5,500", for every method on which the field has an effect; several
            flags give all combinations of their values.
        seeds: number of runs of each method.
        results: directory of the records.
    """

    methods: tuple[str, ...] = ()
    sweep: Repeated[tuple[str, ...]] = ()
    seeds: int = 1
    results: str = "runs/results"


@dataclasses.dataclass(frozen=True, kw_only=True)
class EqualTimeFields(StudyFields):
    """Fields of a study at equal time.

    Args:
        steps: training steps of the first method; the other methods have its time.
        processes: number of runs at a time, each on a core of its own.
    """

    seeds: int = 5
    steps: int = 30_000
    processes: int = 2

    @property
    def budget(self) -> dict[str, Any]:
        """Arguments of `run_at_equal_time`."""
        return {name: getattr(self, name) for name in ("steps", "seeds", "processes", "results", "out")}
