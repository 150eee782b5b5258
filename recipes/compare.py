"""Comparison of finished runs: learning curves, quality and inference time, tables.

    python recipes/compare.py RUN RUN ... --out runs/comparison

A RUN is a folder that a recipe wrote, a record, a folder of records, or the file of a study (.jsonl). Writes
curves.png, quality_and_time.png, table.md, table.csv and table.tex; differences are from the first run's method, or
from the method of --reference rme5.
"""

import dataclasses

from rme_tf import experiments
from rme_tf.experiments.cli import Positional


@dataclasses.dataclass(frozen=True)
class Options:
    """Runs to compare.

    Args:
        runs: folders of runs, records (.json), folders of records, or files of studies (.jsonl).
        reference: method that differences are from; None for the method of the first run.
        out: folder of the table and the figures.
    """

    runs: Positional[tuple[str, ...]] = ()
    reference: str | None = None
    out: str = "runs/comparison"


if __name__ == "__main__":
    options = experiments.parse(Options(), __doc__)
    records = experiments.load_records(options.runs)
    print(experiments.write_comparison(records, options.reference or records[0]["method"], options.out))
