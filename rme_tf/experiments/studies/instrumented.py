"""Studies whose trained models are measured, with contrasts fixed before the runs."""

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import keras

from rme_tf.core.files import read_json, write_json
from rme_tf.core.validation import require
from rme_tf.experiments.recipes.base import Recipe
from rme_tf.experiments.reports.columns import column_of
from rme_tf.experiments.reports.contrasts import Contrast, recorded_contrasts
from rme_tf.experiments.reports.records import load_records
from rme_tf.experiments.reports.run_files import RECORD
from rme_tf.experiments.reports.run_names import file_name
from rme_tf.experiments.reports.study_tables import draw_differences, study_text
from rme_tf.experiments.reports.tables import Record
from rme_tf.experiments.runs.earlier_names import as_begun
from rme_tf.experiments.runs.runner import run
from rme_tf.experiments.runs.study import run_study
from rme_tf.experiments.studies.instruments import measure
from rme_tf.experiments.studies.measurement import DECODER, MODES, Measurement

OF_METRICS = "instruments"  # key in the metrics of a record


def run_instrumented(
    methods: Mapping[str, Recipe],
    contrasts: Sequence[Contrast],
    quantities: Sequence[str],
    *,
    out: str,
    results: str,
    measurement: Measurement | None = None,
    **options,
) -> list[Record]:
    """Runs a study, measures its trained models, and writes tables and contrasts.

    The means of the instruments come into the record of each run, under `metrics` and `instruments`, and the values of
    each observation into `instruments/` in its directory. Whatever is finished is not computed again. `out` gets
    study.md and contrasts.png.

    Args:
        methods: recipes by the name of the method, see `run_study`; of images, for instruments.
        contrasts: pairs of methods whose difference is reported, the second one subtracted. Pairs of other methods are
            left out.
        quantities: columns of the tables and the contrasts, see `reports.columns`.
        out: directory of the runs and the tables.
        results: directory of the records.
        measurement: instruments and sizes; None for no instruments.
        **options: further arguments of `run_study`.

    Returns:
        records: records of the finished runs.

    Raises:
        ValueError: before any run, if a quantity is unknown, an instrument does not suit a method, or `run_study`
            refuses an argument; later, if a record has instruments of other settings.
    """
    if measurement is not None:
        check_measurable(methods, measurement)
    for quantity in quantities:
        column_of(quantity)
    paths = run_study(methods, out=out, results=results, **options)
    if measurement is not None:
        for path in paths:
            add_instruments(path, methods, measurement, pathlib.Path(out))
    records = load_records(paths) if paths else []
    shown = recorded_contrasts(records, contrasts)
    if records:
        text = study_text(records, shown, quantities)
        (pathlib.Path(out) / "study.md").write_text(text + "\n", encoding="utf-8")
        print(f"\n{text}\n\nTables and figure: {out}/")
    if shown:
        draw_differences(records, shown, quantities, pathlib.Path(out) / "contrasts.png")
    return records


def check_measurable(methods: Mapping[str, Recipe], measurement: Measurement) -> None:
    """Checks that the instruments suit the recipes.

    Raises:
        ValueError: for modes without two latent dimensions, or a decoder that is not one of z alone.
    """
    for name, recipe in methods.items():
        if MODES in measurement.instruments:
            require(recipe.latent_dim == 2, f"latent_dim of {name}", "be 2 for the modes", recipe.latent_dim)
        if DECODER in measurement.instruments:
            decoder = recipe.decoder.name
            require(decoder != "pixelcnn", f"decoder of {name}", "decode z alone for the instrument", repr(decoder))


def add_instruments(path: pathlib.Path, methods: Mapping[str, Recipe], measurement: Measurement, out) -> None:
    """Adds missing instruments to a record.

    The record in the directory of the run gets them too.

    Args:
        path: record of a run of the study.
        methods: recipes by the name of the method.
        measurement: instruments and sizes.
        out: directory of the runs.

    Raises:
        ValueError: if the record has instruments of other settings.
    """
    record = read_json(path)
    measured: dict[str, Any] = record["metrics"].get(OF_METRICS, {})
    check_settings(measured, measurement, path)
    missing = lacking(measured, measurement, record)
    if not missing:
        return
    name = file_name(record["method"], record["config"]["seed"])
    recipe = dataclasses.replace(
        methods[record["method"]], seed=record["config"]["seed"], out=str(out / name), overwrite=False
    )
    keras.utils.clear_session()
    finished = run(as_begun({name: recipe}, out)[name])
    means = {**measured, **measure(finished, measurement, missing)}
    for place in (pathlib.Path(finished.recipe.out) / RECORD, path):
        values = read_json(place)
        write_json(place, {**values, "metrics": {**values["metrics"], OF_METRICS: means}})


def lacking(measured: Mapping[str, Any], measurement: Measurement, record: Record) -> list[str]:
    """Returns the instruments that a record lacks.

    Args:
        measured: means of the instruments in the record.
        measurement: instruments and sizes.
        record: record of the run.
    """
    single = record["config"]["components"] == 1  # which has no distances
    return [name for name in measurement.instruments if name not in measured and not (single and name == "components")]


def check_settings(measured: Mapping[str, Any], measurement: Measurement, path) -> None:
    """Checks the settings of the instruments in a record.

    Args:
        measured: means of the instruments in the record.
        measurement: instruments and sizes.
        path: record, for the message.

    Raises:
        ValueError: for settings other than of the measurement.
    """
    for name in set(measurement.instruments) & measured.keys():
        settings, recorded = measurement.settings(name), measured[name]["settings"]
        remedy = "Choose another `out` and `results`, or the settings there."
        require(recorded == settings, str(path), f"have {name} of {settings}", recorded, remedy)
