"""Report on collapse measured by a page, for later pages."""

import contextlib
import pathlib
from collections.abc import Mapping
from typing import Any

from rme_tf.core.files import read_json, write_json
from rme_tf.experiments.reports.run_files import DIAGNOSED

OF_RECORD = ("elbo", "log_likelihood", "num_observations")  # numbers of the test set that identify a trained model


def with_diagnosis(folder, record: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a record with the report on collapse of an earlier page.

    The record is unchanged if it has a report, or if the directory has no report on the same training.

    Args:
        folder: directory of the run.
        record: record of the run.
    """
    path = pathlib.Path(folder) / DIAGNOSED
    if _report(record) or not path.is_file():
        return dict(record)
    measured = read_json(path)
    return with_report(record, measured["collapse"]) if measured["of"] == _identity(record) else dict(record)


def keep_diagnosis(folder, record: Mapping[str, Any], report: Mapping[str, float]) -> None:
    """Writes a report on collapse for later pages.

    Args:
        folder: directory of the run. If it cannot be written, later pages measure again.
        record: record of the run.
        report: entries of the report.
    """
    with contextlib.suppress(OSError):
        write_json(pathlib.Path(folder) / DIAGNOSED, {"of": _identity(record), "collapse": dict(report)})


def with_report(record: Mapping[str, Any], report: Mapping[str, float]) -> dict[str, Any]:
    """Returns a record with a report on collapse in its test metrics."""
    metrics = record["metrics"]
    return {**record, "metrics": {**metrics, "test": {**metrics["test"], "collapse": dict(report)}}}


def _report(record: Mapping[str, Any]) -> Mapping[str, float]:
    return record.get("metrics", {}).get("test", {}).get("collapse", {})


def _identity(record: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the numbers that another training would change."""
    test = record.get("metrics", {}).get("test", {})
    return {"epochs": record.get("epochs"), **{name: test.get(name) for name in OF_RECORD}}
