"""Commit and hardware of a run."""

import json
import re
from importlib import metadata

import numpy as np
import tensorflow as tf

from rme_tf.core.provenance import PACKAGES, commit, hardware


def test_the_commit_is_a_hash_or_unknown(monkeypatch):
    assert re.fullmatch(r"[0-9a-f]{40}(-dirty)?|unknown", commit())
    monkeypatch.setenv("PATH", "")  # no git
    assert commit() == "unknown"


def test_the_hardware_is_what_computes():
    result = hardware()
    assert set(result) == {"processor", "cores", "gpus", "python", *PACKAGES}
    assert result["cores"] >= 1
    assert isinstance(result["gpus"], list)
    assert result["processor"]
    assert all(re.match(r"\d+\.\d+", result[name]) for name in ("python", *PACKAGES))
    json.dumps(result)


def test_versions_are_those_of_the_modules_whatever_their_packages_are_called(monkeypatch):
    """TensorFlow is also installed as tensorflow-cpu, tensorflow-rocm or tf-nightly."""

    def version(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", version)
    monkeypatch.setattr(tf, "__version__", "9.9.0-dev20300101")
    assert hardware()["tensorflow"] == "9.9.0-dev20300101"
    assert hardware()["numpy"] == np.__version__
