"""Bounds of each test observation, averaged over seeds.

They are kept with the records of a study, for the errors that come from the observations and not from the seeds.
"""

import pathlib
import shutil
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rme_tf.core.files import replacing
from rme_tf.experiments.reports.configuration import field
from rme_tf.experiments.reports.run_files import BOUNDS
from rme_tf.experiments.reports.run_names import file_name
from rme_tf.experiments.reports.study_files import SUFFIX
from rme_tf.experiments.reports.tables import Record, by_method

QUANTITIES = {"test log p(x)": "test_log_likelihood", "test ELBO": "test_elbo"}  # names in the bounds of a run
UNIT = 0.01  # nats, of the whole numbers in the file
FILE = "images.npz"  # in a folder of records
ENDING = "_images.npz"  # of the name, for the file of a study

ImageValues = dict[str, dict[str, np.ndarray]]  # nats [N] by method and quantity


def values_path(study) -> pathlib.Path:
    """Returns the path of the values of a study.

    Args:
        study: folder of records, or file of a study (.jsonl).
    """
    study = pathlib.Path(study)
    return study.with_name(study.name.removesuffix(SUFFIX) + ENDING) if study.suffix == SUFFIX else study / FILE


def add_values(study, records: Sequence[Record], out) -> ImageValues:
    """Adds bounds of runs to the values of a study; returns all.

    Runs whose seeds are in the file count once, also where their folders have gone.

    Args:
        study: folder of the records, which gets the file.
        records: records of the runs.
        out: directory of the runs.
    """
    path = values_path(study)
    stored = dict(np.load(path)) if path.exists() else {}
    for method, group in by_method(records).items():
        for seed in sorted(field(record, "seed") for record in group):
            run = pathlib.Path(out) / file_name(method, seed) / BOUNDS
            seeds = list(stored.get(_seeds(method), ()))
            if seed not in seeds and run.exists():
                _add(stored, method, np.load(run), len(seeds))
                stored[_seeds(method)] = np.array([*seeds, seed])
    if stored:
        with replacing(path) as partial, partial.open("wb") as file:
            np.savez_compressed(file, **stored)
    return _in_nats(stored)


def load_values(study) -> ImageValues | None:
    """Returns the values of a study, None where it has none.

    Args:
        study: folder of records, or file of a study (.jsonl).
    """
    path = values_path(study)
    return _in_nats(dict(np.load(path))) if path.exists() else None


def copy_values(source, target) -> None:
    """Copies the values of a study, if it has some.

    Args:
        source: folder of records, or file of a study (.jsonl).
        target: file of a study, or folder of records.
    """
    if values_path(source).exists():
        shutil.copyfile(values_path(source), values_path(target))


def seeds_of(study) -> dict[str, list[int]]:
    """Returns the seeds in the values of a study, by method."""
    stored = np.load(values_path(study))
    return {name.removesuffix("/seeds"): stored[name].tolist() for name in stored.files if name.endswith("/seeds")}


def _add(stored: dict[str, np.ndarray], method: str, bounds: Mapping[str, Any], count: int) -> None:
    """Adds the bounds of a run to the averages of `count` runs."""
    for quantity, name in QUANTITIES.items():
        key, values = f"{method}/{quantity}", np.asarray(bounds[name], float) / UNIT
        before = stored[key] if count else 0.0
        stored[key] = np.rint((count * before + values) / (count + 1)).astype(np.int32)


def _seeds(method: str) -> str:
    """Returns the name of a method's seeds in the file."""
    return f"{method}/seeds"


def _in_nats(stored: Mapping[str, np.ndarray]) -> ImageValues:
    """Returns the values in nats."""
    values: ImageValues = {}
    for key, array in stored.items():
        method, _, quantity = key.partition("/")
        if quantity in QUANTITIES:
            values.setdefault(method, {})[quantity] = array * UNIT
    return values
