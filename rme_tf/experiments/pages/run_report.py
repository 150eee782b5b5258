"""Data of the page of a run: arrays and numbers."""

import dataclasses
import pathlib
import time
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from rme_tf.evaluation.collapse import collapse_report
from rme_tf.experiments.pages.decodings import Decodings, counts_of, decode, sampled
from rme_tf.experiments.pages.diagnosis import keep_diagnosis, with_diagnosis, with_report
from rme_tf.experiments.pages.facts import facts_of
from rme_tf.experiments.pages.final_numbers import Gaps, Row, cost_rows, gaps_of, metric_rows
from rme_tf.experiments.pages.items import Items, items_of
from rme_tf.experiments.pages.latent_space import MOST_POINTS, LatentSpace, latent_space
from rme_tf.experiments.pages.neighbors import Neighbors, nearest_in_training
from rme_tf.experiments.pages.settings import Setting, settings_of
from rme_tf.experiments.recipes.base import EVALUATION_SEED
from rme_tf.experiments.recipes.image_gallery import posterior_panel
from rme_tf.experiments.recipes.run import Run

DIAGNOSED = 200  # test observations for a report on collapse, if the record has none
DIAGNOSED_EARLY = 8  # ... of a smoke run: enough to see a decoder that ignores z
GRID = 80  # points on a side, for true posteriors over two dimensions


@dataclasses.dataclass(kw_only=True)
class RunReport:
    """Data of the page of one run.

    Parts that could not be collected are None.
    """

    name: str
    record: dict[str, Any]
    history: dict[str, list]
    facts: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    settings: list[Setting] = dataclasses.field(default_factory=list)
    made_from: str | None = None  # name of the settings with the defaults
    metrics: list[Row] = dataclasses.field(default_factory=list)
    costs: list[Row] = dataclasses.field(default_factory=list)
    gaps: Gaps | None = None
    components: int = 1
    latent_dim: int = 0
    warm_start_epochs: int = 0
    steps: int | None = None  # of the training
    diagnosed: dict[str, float] = dataclasses.field(default_factory=dict)  # entries of a report on collapse
    has_codes: bool = True  # false for a language model
    latent: LatentSpace | None = None
    decodings: Decodings | None = None
    samples: Items | None = None  # of a model without codes
    neighbors: Neighbors | None = None
    panels: list[Any] | None = None  # `PosteriorPanel`s of images, with two latent dimensions
    problems: dict[str, str] = dataclasses.field(default_factory=dict)  # part -> error
    seconds: float = 0.0  # to collect all this

    def part(self, name: str, make: Callable, *args) -> Any:
        """Returns `make(*args)`, or None after an error.

        The error is kept, and a warning is issued.

        Args:
            name: name of the part, for the message.
            make: function that collects the part.
            *args: arguments of the function.
        """
        try:
            return make(*args)
        except Exception as error:  # whatever fails in a part of the page, the run is finished
            self.problems[name] = f"{type(error).__name__}: {error}".strip()[:500]
            warnings.warn(f"The page of {self.name} lacks a part, {name}: {self.problems[name]}", stacklevel=2)
            return None


def collect(run: Run, folder=None) -> RunReport:
    """Returns the `RunReport` of a finished run.

    Args:
        run: finished run.
        folder: directory of the run; None for the one of its recipe.
    """
    begun = time.perf_counter()
    folder = pathlib.Path(run.recipe.out if folder is None else folder)
    report = recorded(folder, with_diagnosis(folder, run.record), run.history)
    report.settings, report.made_from = report.part("settings", settings_of, run.recipe) or [], run.recipe.made_from
    model = run.model
    report.components, report.latent_dim = model.num_components, model.latent_dim
    report.warm_start_epochs = run.recipe.option("algorithm.warm_start_epochs") or 0
    report.steps = run.task.steps_per_epoch * int(run.record.get("epochs") or 0)
    report.has_codes = not getattr(run.recipe, "language_model", False)
    if report.has_codes:
        _collect_codes(report, run, folder)
    else:
        report.samples = report.part("samples", sampled, run)
    report.seconds = time.perf_counter() - begun
    return report


def recorded(folder: pathlib.Path, record: Mapping[str, Any], history: Mapping[str, list]) -> RunReport:
    """Returns what the files of a run contain, without model and data.

    Args:
        folder: directory of the run.
        record: record of the run.
        history: metrics by epoch.
    """
    name = folder.resolve().name
    report = RunReport(name=name, record=dict(record), history=dict(history))
    report.facts = report.part("circumstances", facts_of, record) or []
    report.metrics = report.part("numbers", metric_rows, record) or []
    report.costs = report.part("time and memory", cost_rows, record) or []
    report.gaps = report.part("gaps", gaps_of, folder, record)
    report.diagnosed = record.get("metrics", {}).get("test", {}).get("collapse", {})
    return report


def _collect_codes(report: RunReport, run: Run, folder: pathlib.Path) -> None:
    """Adds to a report the parts that need the model and the data."""
    x = report.part("test data", lambda: np.asarray(run.task.example)[:MOST_POINTS])
    if x is None or len(x) < 2:
        return
    report.latent = report.part("latent space", _latent, run, x)
    report.decodings = report.part("decodings", decode, run, x)
    if report.decodings is not None:
        samples = report.decodings.raw_samples
        report.neighbors = report.part("nearest neighbors", _neighbors, run, samples, x)
    if not report.diagnosed:
        count = DIAGNOSED_EARLY if run.recipe.smoke else DIAGNOSED
        report.diagnosed = report.part("report on collapse", _diagnosed, run.model, x, count) or {}
        _keep(report, folder)
    if run.model.latent_dim == 2 and report.decodings and report.decodings.observations.images is not None:
        report.panels = report.part("true posteriors", _panels, run, x)


def _latent(run: Run, x) -> LatentSpace:
    labels = run.task.labels
    names = None if labels is None else [label_name(value, labels.names) for value in labels.values[: len(x)]]
    return latent_space(run.model, x, items_of(run.task, x), names)


def label_name(value: int, names) -> str:
    """Returns the name of a label; a negative number stands for none."""
    return names[value] if value >= 0 else "no label"


def _neighbors(run: Run, samples, x) -> Neighbors:
    facts = run.task.facts.get("train", 0)
    num_train = facts.get("num_rows", 0) if isinstance(facts, Mapping) else facts
    return nearest_in_training(run.task, samples, x, int(num_train))


def _diagnosed(model, x, count: int) -> dict[str, float]:
    return collapse_report(model, x, max_observations=count, seed=EVALUATION_SEED).as_dict()


def _keep(report: RunReport, folder: pathlib.Path) -> None:
    """Writes a measured report on collapse for later pages, and adds it to the final numbers."""
    if report.diagnosed:
        keep_diagnosis(folder, report.record, report.diagnosed)
        report.record = with_report(report.record, report.diagnosed)
        report.metrics = report.part("numbers", metric_rows, report.record) or []


def _panels(run: Run, x) -> list[Any]:
    return [posterior_panel(run.model, image, num=GRID)[0] for image in x[: counts_of(run).views]]
