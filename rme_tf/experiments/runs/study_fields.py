"""Fields of studies: methods, sweeps, seeds and records."""

import dataclasses

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
