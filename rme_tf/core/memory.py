"""Peak memory of tensors (TensorFlow) or of the process (Linux)."""

import functools
import pathlib
import re
from collections.abc import Callable

import tensorflow as tf

STATUS = pathlib.Path("/proc/self/status")
CLEAR = pathlib.Path("/proc/self/clear_refs")


def reset_peak() -> None:
    """Resets the peak memory to the current memory, if possible."""
    try:
        CLEAR.write_text("5", encoding="ascii")
    except OSError:
        return


def peak() -> float | None:
    """Returns the peak memory since `reset_peak` in MiB, or None."""
    try:
        match = re.search(r"VmHWM:\s+(\d+) kB", STATUS.read_text(encoding="ascii"))
    except OSError:
        return None
    return int(match[1]) / 1024 if match else None


def of_gpu() -> tuple[Callable[[], None], Callable[[], float]] | None:
    """Returns `reset_peak` and `peak` of tensors on a GPU.

    The GPU is the first one; without any, the result is None.
    """
    if not tf.config.list_logical_devices("GPU"):
        return None
    reset = functools.partial(tf.config.experimental.reset_memory_stats, "GPU:0")
    return reset, lambda: tf.config.experimental.get_memory_info("GPU:0")["peak"] / 2**20


class PeakMemory:
    """Growth of the peak memory since the creation of this object.

    The memory is counted for tensors on the first GPU, or on the CPU without a GPU. If TensorFlow does not count
    tensors, the memory of the process is used, where memory that was freed before hides a part of the growth.
    """

    def __init__(self):
        self.device = "GPU:0" if tf.config.list_logical_devices("GPU") else "CPU:0"
        try:
            tf.config.experimental.reset_memory_stats(self.device)
            self.of = f"tensors on {self.device}"
        except ValueError:
            reset_peak()
            self.of = "the process"
        self.held = self._peak()

    def _peak(self) -> float | None:
        if self.of == "the process":
            return peak()
        return tf.config.experimental.get_memory_info(self.device)["peak"] / 2**20

    def as_record(self) -> dict:
        """Returns `peak_memory_mib`, None if unknown, and `peak_memory_of`, its scope."""
        now = self._peak()
        above = None if now is None or self.held is None else now - self.held
        return {"peak_memory_mib": above, "peak_memory_of": self.of}
