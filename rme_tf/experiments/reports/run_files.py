"""Names of the files of a run, and its configuration."""

import pathlib
import shlex

import yaml

from rme_tf.core.files import read_json

CONFIG = "config.yaml"
RECORD = "metrics.json"
HISTORY = "checkpoints/history.json"
BOUNDS = "bounds.npz"  # of each observation
DIAGNOSED = "diagnosed.json"  # report on collapse that a page has measured
MODEL = "model.keras"
REPORT = "report.html"
COMPARISON = "comparison.html"
# Fields of every recipe in every version, which distinguish it from the configuration of another program.
FIELDS = frozenset({"algorithm", "components", "epochs", "latent_dim", "out", "seed"})


def describes_run(values) -> bool:
    """Returns whether the value in a YAML file configures a run."""
    return isinstance(values, dict) and values.keys() >= FIELDS


def check_finished(run, name: str = RECORD) -> None:
    """Checks that a run has a file of its end.

    Args:
        run: directory of the run.
        name: name of the file.

    Raises:
        ValueError: if the file is missing.
    """
    if not (pathlib.Path(run) / name).is_file():
        raise ValueError(
            f"Expected a finished run, with {name}. Received: {run}, which was interrupted. "
            f"To finish it: {resume_command(run)}"
        )


def resume_command(run) -> str:
    """Returns the command that resumes a run."""
    return f"rme resume {shlex.quote(str(run))}"


def read_config(out: pathlib.Path):
    """Returns the value in a run's config.yaml, or None.

    The result is None if the file is missing or not YAML.
    """
    try:
        return yaml.safe_load((out / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError):
        return None


def read_record(run) -> dict:
    """Returns the record of a finished run.

    Raises:
        ValueError: if the file is missing, damaged or no record.
    """
    path = pathlib.Path(run) / RECORD
    record = read_json(path, ("config", "metrics"))
    summaries = record["metrics"]
    tests = summaries.get("test") if isinstance(summaries, dict) else None
    if not (isinstance(record["config"], dict) and isinstance(tests, dict)):
        raise ValueError(f"Expected the record of a run. Received: {path}, damaged or another file.")
    return record
