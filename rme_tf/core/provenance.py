"""Commit and hardware of a run, for its record."""

import os
import pathlib
import platform
import subprocess

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

# Versions of modules, which do not depend on the name of the package, such as tensorflow-cpu or tf-nightly.
PACKAGES = {"tensorflow": tf, "keras": keras, "tensorflow-probability": tfp, "numpy": np}


def commit() -> str:
    """Returns the commit of the working copy, or "unknown".

    The commit ends in "-dirty" if the working copy has changes.
    """
    root = pathlib.Path(__file__).resolve().parent
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        answer = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return answer.stdout.strip()


def hardware() -> dict:
    """Returns processor, cores, accelerators and versions of packages."""
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
