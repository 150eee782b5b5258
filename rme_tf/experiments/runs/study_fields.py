"""Fields of studies: methods, sweeps, seeds, budgets and records."""

import dataclasses
import os
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
        results: directory of the records; None for the folder of the runs' name in a folder `results` next to it.
    """

    methods: tuple[str, ...] = ()
    sweep: Repeated[tuple[str, ...]] = ()
    seeds: int = 1
    results: str | None = None

    def folders(self, name: str = "", *, several: bool = False) -> dict[str, str]:
        """Returns `out` and `results` of `run_study`.

        Directories that a command line sets are used as they are, except by several studies.

        Args:
            name: name of the study's setting, which extends the default of `out`.
            several: whether `out` and `results` have a folder for each of several studies.
        """
        study: Any = self  # with the fields of a recipe
        out = study.out
        if out == type(study).out:
            out = f"{out}_{name}" if name else out
        elif several:
            out = os.path.join(out, name)
        if self.results is None:
            parent, last = os.path.split(out.rstrip("/"))
            return {"out": out, "results": os.path.join(parent, "results", last)}
        return {"out": out, "results": os.path.join(self.results, name) if several else self.results}


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
        return {**{name: getattr(self, name) for name in ("steps", "seeds", "processes")}, **self.folders()}


@dataclasses.dataclass(frozen=True, kw_only=True)
class ComparisonFields(EqualTimeFields):
    """Fields of a comparison whose hyperparameters are chosen by trials.

    Args:
        trial_steps: training steps of a trial of the first method; the other methods have its time.
        trial_seeds: number of seeds of each trial.
    """

    trial_steps: int = 10_000
    trial_seeds: int = 2

    @property
    def of_trials(self) -> dict[str, int]:
        """Fields of the trials."""
        return {"trial_steps": self.trial_steps, "trial_seeds": self.trial_seeds}
