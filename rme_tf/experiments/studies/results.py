"""Trained models and records of a study, in a folder."""

import pathlib
import time
from collections.abc import Callable
from typing import Any

import keras

from rme_tf.core import provenance
from rme_tf.core.files import read_json, write_json
from rme_tf.experiments.reports.configuration import differences
from rme_tf.experiments.reports.study_files import write_study_file
from rme_tf.models.model_files import load_model

SETTINGS = "settings.json"


class StudyFolder:
    """Folder of a study.

    Studies with the same settings may share it, with their trained models.

    Args:
        out: path of the folder.
        settings: JSON values that all models and results depend on.
        kind: kind of the records, which have a folder of their own.

    Raises:
        ValueError: if the folder has results of other settings.
    """

    def __init__(self, out, settings: dict[str, Any], kind: str):
        self.out, self.settings, self.kind = pathlib.Path(out), settings, kind
        self.records: list[dict[str, Any]] = []
        path = self.out / SETTINGS
        if not path.exists():
            write_json(path, settings)
        elif other := differences(read_json(path), settings):
            raise ValueError(
                f"`out` must be a folder of a study with these settings. Received: {out}, of a study with other values "
                f"of {', '.join(other)}. Choose another folder, or delete it."
            )

    def model(self, name: str, build: Callable[[], Any]):
        """Returns a trained model, read from its file if there is one.

        Args:
            name: name of the file.
            build: function () -> `VAE`, which trains it.
        """
        path = self.out / "models" / f"{name}.keras"
        if path.exists():
            return load_model(path)
        model = build()
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f"partial_{path.name}")
        model.save(partial)
        partial.replace(path)
        return model

    def record(self, method: str, config: dict[str, Any], measure: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Returns the record of a method, computed unless its file exists.

        Args:
            method: name of the method.
            config: further choices, among them `decoder` and `seed`.
            measure: function () -> metrics, JSON values.

        Raises:
            ValueError: if the file is of other choices.
        """
        path = self.out / self.kind / f"{config['decoder']}-{method}-seed{config['seed']}.json"
        config = {**self.settings, **config}
        if path.exists():
            record = read_json(path)
            if other := differences(record["config"], config):
                raise ValueError(f"Expected {path} with these choices. Received others of {', '.join(other)}.")
        else:
            start = time.process_time()
            metrics = measure()
            metrics["cpu_seconds"] = round(time.process_time() - start, 1)
            origin = {"commit": provenance.commit(), "hardware": provenance.hardware()}
            record = {"method": method, "config": config, **origin, "metrics": metrics}
            write_json(path, record)
            print(f"{config['decoder']}, {method}, seed {config['seed']}: {metrics['cpu_seconds']} s", flush=True)
            keras.utils.clear_session()
        self.records.append(record)
        return record

    def write(self, path) -> None:
        """Writes all records into one file (.jsonl); None writes none."""
        if path is not None:
            write_study_file(path, self.records)
