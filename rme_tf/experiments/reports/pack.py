"""Conversion of a study between a folder of records and one file.

    python -m rme_tf.experiments.reports.pack runs/results/table_mnist_d20 recipes/results/table_mnist_d20.jsonl
    python -m rme_tf.experiments.reports.pack recipes/results/table_mnist_d20.jsonl runs/results/table_mnist_d20

Studies write a record (JSON) a run, from which they resume; the JSON-lines file is the one to commit. The second
command restores the folder, for a study that gets more methods or seeds. Values of each test image go with them.
"""

import dataclasses
import pathlib

from rme_tf.core.files import write_json
from rme_tf.experiments.cli import Positional, parse, refusals
from rme_tf.experiments.reports.configuration import field
from rme_tf.experiments.reports.image_values import copy_values
from rme_tf.experiments.reports.records import load_study
from rme_tf.experiments.reports.run_names import file_name
from rme_tf.experiments.reports.study_files import SUFFIX, write_study_file
from rme_tf.experiments.reports.tables import Record


@dataclasses.dataclass(frozen=True)
class Options:
    """Paths of the conversion.

    Args:
        source: folder of records (JSON), or file of a study (.jsonl).
        target: file (.jsonl), or folder, to write.
    """

    source: Positional[str] = ""
    target: Positional[str] = ""


def convert(source, target) -> None:
    """Converts a study from a folder to a file, or back.

    Args:
        source: folder of records, or file of suffix .jsonl.
        target: file of suffix .jsonl, or folder that is not there yet or empty.

    Raises:
        ValueError: if both are files or both are folders, if `source` holds no records, if `target` is a folder that
            holds something, or if two records would have one name in it.
    """
    source, target = pathlib.Path(source), pathlib.Path(target)
    if (source.suffix == SUFFIX) == (target.suffix == SUFFIX):
        raise ValueError(
            f"Expected a folder of records and a file of suffix {SUFFIX}, in either order. "
            f"Received: {source} and {target}."
        )
    records = load_study(source)
    if target.suffix == SUFFIX:
        write_study_file(target, records)
        copy_values(source, target)
        return
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ValueError(f"Expected a new or an empty folder for the records. Received: {target}.")
    names = [_name(record) for record in records]
    if len(set(names)) < len(names):
        repeated = sorted({name for name in names if names.count(name) > 1})
        raise ValueError(f"Expected one record for each method and seed. Received several of {', '.join(repeated)}.")
    for name, record in zip(names, records, strict=True):
        write_json(target / name, record)
    copy_values(source, target)


def _name(record: Record) -> str:
    """Returns the name of a record's file; a benchmark has one record, without a method."""
    return f"{file_name(record['method'], field(record, 'seed'))}.json" if "method" in record else "benchmark.json"


def main() -> None:
    """Convert the study that the command line names."""
    options = parse(Options(), __doc__)
    with refusals():
        if not options.source or not options.target:
            raise ValueError(f"Expected a source and a target. Received: {options.source!r} and {options.target!r}.")
        convert(options.source, options.target)
    print(f"{options.source} -> {options.target}")


if __name__ == "__main__":
    main()
