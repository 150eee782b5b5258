"""Finished runs side by side: learning curves by epoch and time, quality against inference time, and the table.

    python recipes/compare.py RUN RUN ... --out runs/comparison

A RUN is a directory that a recipe wrote, a record, or a directory of records. Writes curves.png,
quality_and_time.png, table.md, table.csv and table.tex; differences are from the first run's method, or from that of
--reference rme5.
"""

import dataclasses

from rme_tf import experiments
from rme_tf.experiments.cli import Positional


@dataclasses.dataclass(frozen=True)
class Options:
    """What to compare.

    Args:
        runs: directories of runs, records, or directories of records.
        reference: the method that differences are from; that of the first run unless given.
        out: directory of the table and the figures.
    """

    runs: Positional[tuple[str, ...]] = ()
    reference: str | None = None
    out: str = "runs/comparison"


if __name__ == "__main__":
    options = experiments.parse(Options(), __doc__)
    found = experiments.load_records(options.runs)
    print(experiments.write_comparison(found, options.reference or found[0]["method"], options.out))
