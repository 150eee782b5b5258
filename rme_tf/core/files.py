"""Records of runs: what was run, on what, how long it took, and what came out."""

import json
import math
import os
import pathlib
import platform
import subprocess
from collections.abc import Iterable

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

# A module says its version whatever name it was installed under: tensorflow-cpu, tf-nightly.
PACKAGES = {"tensorflow": tf, "keras": keras, "tensorflow-probability": tfp, "numpy": np}


def write_json(path, value) -> None:
    """Writes `value` as JSON, all or nothing; numbers that are not finite become null."""
    _write(path, json.dumps(_finite(value), indent=1, allow_nan=False) + "\n")


def write_json_lines(path, values: Iterable) -> None:
    """Writes one line of JSON for each value, all or nothing; numbers that are not finite become null."""
    _write(path, "".join(json.dumps(_finite(value), allow_nan=False) + "\n" for value in values))


def _write(path, text: str) -> None:
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(path.suffix + ".partial")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, path)


def check_writable(path, name: str) -> None:
    """Raises ValueError unless a directory, which need not be there yet, can be written into; it makes none.

    Args:
        path: of the directory. Addresses such as gs://... pass.
        name: what to call it in the message.
    """
    if "://" in str(path):
        return
    path = nearest = pathlib.Path(path).absolute()
    while not os.path.lexists(nearest):  # unlike `exists`, it does not raise where a parent may not be searched
        nearest = nearest.parent
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        kind = "a directory without permission" if nearest.is_dir() else "no directory"
        raise ValueError(
            f"`{name}` must be a directory that can be written. Received: {path}, where {nearest} is {kind}."
        )


def read_json(path):
    """Returns what `write_json` wrote."""
    return json.loads(pathlib.Path(path).read_text(encoding="utf-8"))


def read_json_lines(path) -> list:
    """Returns the values that `write_json_lines` wrote.

    Raises:
        ValueError: if a line is no JSON; the message names it.
    """
    values = []
    for number, line in enumerate(pathlib.Path(path).read_text(encoding="utf-8").splitlines(), 1):
        try:
            values.append(json.loads(line))
        except json.JSONDecodeError as error:
            raise ValueError(
                f"Expected one JSON value on each line. Received: {path}, line {number}: {error}."
            ) from error
    return values


def _finite(value):
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def commit() -> str:
    """Returns the commit of the working copy, "-dirty" if it has other changes, or "unknown"."""
    root = pathlib.Path(__file__).resolve().parent
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        answer = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return answer.stdout.strip()


def hardware() -> dict:
    """Returns the processor, its cores, the accelerators, and the versions of what computes."""
    gpus = tf.config.list_physical_devices("GPU")
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "gpus": [tf.config.experimental.get_device_details(gpu).get("device_name") for gpu in gpus],
        "python": platform.python_version(),
        **{package: module.__version__ for package, module in PACKAGES.items()},
    }


def _processor() -> str:
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
