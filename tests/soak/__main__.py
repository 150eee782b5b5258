"""Runs parts of `make soak`, and writes their records.

    PYTHONPATH=tests python -m soak --out runs/benchmark_soak.jsonl              # all parts
    PYTHONPATH=tests python -m soak --out runs/benchmark_soak.jsonl kills        # one, whose record is replaced

Each part has a process of its own. The program ends with an error if a fault was not survived.
"""

import argparse
import concurrent.futures
import multiprocessing
import pathlib
import sys

from rme_tf.experiments.reports.study_files import read_study_file, write_study_file
from rme_tf.experiments.reports.tables import benchmark_table
from soak import PARTS
from soak.records import record_of


def main() -> int:
    """Runs the parts of the command line; returns the number of faults that were not survived."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", help=f"some of {', '.join(PARTS)}; all by default")
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--short", action="store_true")
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"Expected some of {', '.join(PARTS)}. Received: {', '.join(sorted(unknown))}.")
    parts = options.parts or PARTS
    earlier = read_study_file(options.out) if options.out.exists() else []
    records = {record["config"]["part"]: record for record in earlier}
    for part in parts:
        with concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            records[part] = pool.submit(record_of, part, options.short).result()
        write_study_file(options.out, [records[name] for name in PARTS if name in records])
        print(f"{part}:\n{benchmark_table(records[part])}\n", flush=True)
    return sum(row["tried"] - row["survived"] for part in parts for row in records[part]["table"])


if __name__ == "__main__":
    sys.exit(min(main(), 1))
