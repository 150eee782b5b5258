"""What a process took, and where nothing can be told."""

import mmap
import sys

import pytest
import tensorflow as tf

from rme_tf.benchmark.processes import in_new_process
from rme_tf.core import memory

OTHERS = 16.0  # MiB that threads in the background may take or give back meanwhile


def take_and_give_back(mebibytes):
    """Writes to pages of the system's own: an allocator might take freed ones, or keep them."""
    with mmap.mmap(-1, mebibytes * 2**20) as pages:
        for start in range(0, len(pages), mmap.PAGESIZE):
            pages[start] = 1


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux alone tells")
def test_the_peak_holds_what_was_freed_and_can_be_reset():
    memory.reset_peak()
    before = memory.peak()
    take_and_give_back(128)
    high = memory.peak()
    assert high - before == pytest.approx(128.0, abs=OTHERS)
    memory.reset_peak()
    assert memory.peak() - before == pytest.approx(0.0, abs=OTHERS)


def test_a_system_that_does_not_tell_is_no_error(monkeypatch, tmp_path):
    monkeypatch.setattr(memory, "STATUS", tmp_path / "status")
    monkeypatch.setattr(memory, "CLEAR", tmp_path / "no" / "clear_refs")
    memory.reset_peak()
    assert memory.peak() is None
    memory.STATUS.write_text("Name: python", encoding="ascii")
    assert memory.peak() is None


def allocations():
    peaks, held = [], []
    for _ in range(2):
        memory_of = memory.PeakMemory()
        held.append(tf.ones([2**20]))  # 4 MiB, held by the second's beginning
        tf.ones([4 * 2**20])  # 16 MiB, freed at once
        peaks.append({**memory_of.as_record(), "device": memory_of.device})
    return peaks


@pytest.mark.slow
def test_the_import_of_the_library_does_not_start_tensorflow():
    """A process that is forked after a start would hang, and a GPU would be taken."""
    in_new_process(tf.config.threading.set_inter_op_parallelism_threads, 1)  # refused after a start
    tf.zeros([])
    with pytest.raises(RuntimeError, match="after initialization"):
        tf.config.threading.set_inter_op_parallelism_threads(1)


@pytest.mark.slow
def test_the_peak_of_tensors_is_counted_from_where_it_begins():
    """And so does not depend on what was held, or freed, before.

    In a process of its own: what the threads of other tests allocate in the background counts too.
    """
    peaks = in_new_process(allocations)
    assert [peak["peak_memory_of"] for peak in peaks] == [f"tensors on {peak['device']}" for peak in peaks]
    assert [peak["peak_memory_mib"] for peak in peaks] == pytest.approx([20.0, 20.0], abs=1.0)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux alone tells")
def test_where_tensors_are_not_counted_the_process_is(monkeypatch):
    def refuse(device):
        raise ValueError(f"No statistics of {device}.")

    monkeypatch.setattr(tf.config.experimental, "reset_memory_stats", refuse)
    memory_of = memory.PeakMemory()
    take_and_give_back(128)
    found = memory_of.as_record()
    assert found["peak_memory_of"] == "the process"
    assert found["peak_memory_mib"] == pytest.approx(128.0, abs=OTHERS)


def test_where_nobody_tells_nothing_is_recorded(monkeypatch, tmp_path):
    monkeypatch.setattr(memory, "STATUS", tmp_path / "status")
    memory_of = memory.PeakMemory()
    memory_of.of = "the process"
    assert memory_of.as_record()["peak_memory_mib"] is None
