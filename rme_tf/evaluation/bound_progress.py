"""Progress bar of bounds, moved by graph code with each chunk."""

import operator
import threading
from collections.abc import Iterable, Iterator

import tensorflow as tf
from tqdm import tqdm

FORMAT = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}<{remaining}"  # `tqdm` would count batches with all digits

_SHOWN: list["BoundProgress"] = []  # bars of the calls in progress, the innermost last
_LOCK = threading.Lock()


class BoundProgress:
    """Progress over batches, within which each chunk of draws counts.

    A context for the calls of a graph function with `tell`.

    Args:
        batches: batches of observations, with a length if known. Shape [B, *event_shape] each.
        text: text before the bar.
        progress: whether to show the bar.
    """

    def __init__(self, batches: Iterable, text: str, *, progress: bool):
        self.batches, self.size, self.rows = batches, 1, 1
        total = operator.length_hint(batches) or None
        form = None if total is None else FORMAT
        self.bar = tqdm(desc=text, total=total, disable=not progress, leave=False, bar_format=form)

    def __enter__(self):
        _SHOWN.append(self)
        return self

    def __exit__(self, *error):
        _SHOWN.remove(self)
        self.bar.close()

    def __iter__(self) -> Iterator:
        """Yields the batches."""
        for batch in self.batches:
            self.size = len(batch)
            yield batch

    def of_part(self, part):
        """Returns a part of the batch, whose draws count from now on."""
        self.rows = len(part)
        return part

    def moved(self, share: float) -> None:
        """Counts a share of the draws of the present part."""
        with _LOCK:
            self.bar.update(float(share) * self.rows / self.size)


def tell(share) -> None:
    """Counts a share of the draws of a part.

    This is graph code, for functions that XLA does not compile.

    Args:
        share: share of the draws, a float32 scalar.
    """
    tf.numpy_function(_tell, [share], [], stateful=True)


def _tell(share) -> None:
    for shown in _SHOWN[-1:]:
        shown.moved(share)
