"""Observations as a reader sees them: images, sentences, or rows of numbers."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from rme_tf.experiments.recipes.task import Task

SHOWN_VALUES = 6  # of a row of numbers


class Items(NamedTuple):
    """Observations to show: images or texts."""

    images: np.ndarray | None = None  # [N, H, W, C], in [0, 1]
    texts: Sequence[str] | None = None  # N texts

    def __len__(self) -> int:
        return len(self.texts if self.images is None else self.images)  # type: ignore[arg-type]

    def take(self, indices) -> "Items":
        """Returns the items with some indices."""
        if self.images is not None:
            return Items(images=self.images[np.asarray(indices, int)])
        texts = self.texts or ()
        return Items(texts=[texts[index] for index in indices])


def items_of(task: Task, values: Any) -> Items:
    """Returns observations of a task as images or texts.

    Args:
        task: data of the run, which may describe its observations in words.
        values: observations, or what a model has rendered. Shape [N, *event_shape].
    """
    values = np.asarray(values)
    if task.describe is not None:
        return Items(texts=task.describe(values))
    if values.ndim == 4 and values.shape[-1] in (1, 3):
        return Items(images=np.nan_to_num(values.astype(np.float32)).clip(0.0, 1.0))
    return Items(texts=[_row_text(row) for row in values.reshape(len(values), -1)])


def _row_text(row) -> str:
    """Returns the first numbers of a row as text."""
    shown = ", ".join("missing" if np.isnan(value) else f"{value:.3g}" for value in row[:SHOWN_VALUES].astype(float))
    return shown + (f", ... ({len(row):,} values)" if len(row) > SHOWN_VALUES else "")
