"""Unfinished files of killed processes, and the caches that they were for."""

import os
import subprocess
import sys

import numpy as np

from rme_tf.core.leftovers import DAY, delete_leftovers, owner
from rme_tf.data.mapped import mapped_splits


def ended_process():
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_the_files_of_ended_processes_are_deleted_and_the_ones_of_others_stay(tmp_path):
    ended = owner().replace(f"~{os.getpid()}", f"~{ended_process()}")
    names = {"own": owner(), "ended": ended, "elsewhere": "elsewhere~1", "elsewhere_old": "elsewhere~1"}
    paths = {name: tmp_path / f"{name}.{tag}.partial" for name, tag in names.items()}
    for path in paths.values():
        path.touch()
    paths["earlier_version"] = tmp_path / "ids.17.partial"
    paths["earlier_version"].touch()
    old = paths["elsewhere_old"].stat().st_mtime - DAY - 1
    os.utime(paths["elsewhere_old"], (old, old))
    delete_leftovers(tmp_path.iterdir())
    assert {path.name for path in tmp_path.iterdir()} == {
        paths[name].name for name in ("own", "elsewhere", "earlier_version")
    }


def test_the_cache_of_a_killed_process_is_deleted_when_the_pixels_are_stored_again(tmp_path):
    tag = owner().replace(f"~{os.getpid()}", f"~{ended_process()}")
    left = tmp_path / f".photos.{tag}.abc"
    left.mkdir()
    (left / "train.uint8").write_bytes(b"pixels")
    batches = [np.zeros((2, 2, 2, 1), np.uint8)]
    mapped_splits(tmp_path / "photos", lambda: dict.fromkeys(("train", "validation", "test"), batches))
    assert [path.name for path in tmp_path.iterdir()] == ["photos"]
