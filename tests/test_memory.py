"""What a process took, and where nothing can be told."""

import sys

import numpy as np
import pytest

from rme_tf import memory


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux alone tells")
def test_the_peak_holds_what_was_freed_and_can_be_reset():
    memory.reset_peak()
    before = memory.peak()
    np.ones(128 * 2**20 // 8).sum()  # 128 MiB: from the system, and back to it
    high = memory.peak()
    assert 100 < high - before < 300
    memory.reset_peak()
    assert memory.peak() < high - 50


def test_a_system_that_does_not_tell_is_no_error(monkeypatch, tmp_path):
    monkeypatch.setattr(memory, "STATUS", tmp_path / "status")
    monkeypatch.setattr(memory, "CLEAR", tmp_path / "no" / "clear_refs")
    memory.reset_peak()
    assert memory.peak() is None
    memory.STATUS.write_text("Name: python", encoding="ascii")
    assert memory.peak() is None
