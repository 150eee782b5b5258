"""A study: several recipes under several seeds, one record a run, tables rendered from the records."""

import dataclasses
import pathlib
from collections.abc import Mapping

import keras

from rme_tf.experiments.recipe import Recipe
from rme_tf.experiments.report import draw_diagnostics
from rme_tf.experiments.runner import run, write_record
from rme_tf.experiments.tables import study_table
from rme_tf.records import read_json


def run_study(methods: Mapping[str, Recipe], *, seeds: int, out: str, results: str) -> list[pathlib.Path]:
    """Runs every method under seeds 0, 1, ...; what is finished is not run again, what was killed resumes.

    Then prints the table of these methods and, where training was monitored, draws `out`/diagnostics.png.

    Args:
        methods: recipes by the name of the method; their `seed` and `out` are set here.
        seeds: the number of seeds.
        out: directory of the runs.
        results: directory of the records, one JSON file a run.

    Returns:
        The paths of the records.

    Raises:
        ValueError: if a record is there that belongs to another configuration.
    """
    paths = []
    for seed in range(seeds):  # seeds outside, methods inside: a study cut short is still a comparison
        for method, recipe in methods.items():
            name = f"{method}-seed{seed}"
            path = pathlib.Path(results) / f"{name}.json"
            paths.append(path)
            recipe = dataclasses.replace(recipe, seed=seed, out=str(pathlib.Path(out) / name))
            if path.exists() and not recipe.overwrite:
                _check_same(recipe, path)
                continue
            keras.utils.clear_session()
            write_record(path, method, run(recipe))
    records = [read_json(path) for path in sorted(paths)]
    print(f"\n{study_table(records)}\n\nRecords: {results}/")
    if any("mi" in record["history"] for record in records):
        draw_diagnostics(records, pathlib.Path(out) / "diagnostics.png")
    return paths


def _check_same(recipe: Recipe, path) -> None:
    different = recipe.resolved().differences(read_json(path)["config"])
    if different:
        raise ValueError(
            f"{path} records a run of another configuration (it differs in {', '.join(different)}). "
            "Choose another directory of results, or remove it."
        )
