"""Memory at its peak: of a device's tensors, as TensorFlow tells, or of this process, where the system does: Linux."""

import pathlib
import re

import tensorflow as tf

STATUS = pathlib.Path("/proc/self/status")
CLEAR = pathlib.Path("/proc/self/clear_refs")


def reset_peak() -> None:
    """Makes the memory that is in use now the peak from which `peak` goes on; does nothing where it cannot."""
    try:
        CLEAR.write_text("5", encoding="ascii")
    except OSError:
        return


def peak() -> float | None:
    """Returns the largest memory of this process since `reset_peak`, in MiB; None where the system does not tell."""
    try:
        found = re.search(r"VmHWM:\s+(\d+) kB", STATUS.read_text(encoding="ascii"))
    except OSError:
        return None
    return int(found[1]) / 1024 if found else None


class PeakMemory:
    """How much memory is taken at most from its creation on, beyond what was held then.

    It is that of the tensors on the first GPU, or on the CPU where there is none; where TensorFlow does not count them,
    that of the whole process, from which what was freed before hides a part.
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
        """Returns `peak_memory_mib`, None where nobody tells, and `peak_memory_of`, which says what it is of."""
        now = self._peak()
        above = None if now is None or self.held is None else now - self.held
        return {"peak_memory_mib": above, "peak_memory_of": self.of}
