"""Reconstructions and samples of a model in training, for trackers of runs."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from rme_tf.core.validation import check_count, check_instance, require

GAP = 2  # pixels between the images of a grid


class Showcase:
    """Images or sentences that show a model: reconstructions and samples.

    Images are grids of floats in [0, 1], [H, W, C]. Sentences need `to_text`. Observations of other kinds have neither.

    Args:
        data: array [N, *event_shape], or a `tf.data.Dataset` of batches or of tuples that begin with a batch.
        count: number of observations shown, and of samples.
        to_text: function of token ids [N, T] -> list of N strings, such as `tokenizer.decode`; None without sentences.
        choices: options of `generation.generate`, for sentences, such as `max_length`.
        seed: integer seed of the draws, the same in every epoch.

    Raises:
        ValueError: if `count` is less than 1.
    """

    def __init__(
        self,
        data,
        count: int = 8,
        *,
        to_text: Callable[[Any], list[str]] | None = None,
        choices: Mapping[str, Any] | None = None,
        seed: int = 0,
    ):
        self.x = first_rows(data, check_count("count", count))
        self.count, self.to_text, self.seed = count, to_text, seed
        if choices is not None:
            check_instance("choices", choices, Mapping, "a dict of options of `VAE.sample`")
        self.choices = choices or {}

    def images(self, model) -> dict[str, np.ndarray]:
        """Returns grids "reconstructions", originals above their reconstructions, and "samples" from the prior.

        Args:
            model: `VAE` in training.
        """
        if not is_image(self.x):
            return {}
        rebuilt, sampled = self._of(model)
        pairs = np.concatenate([self.x, rebuilt])
        return {"reconstructions": grid(pairs, len(self.x)), "samples": grid(sampled, len(self.x))}

    def texts(self, model) -> dict[str, list[str]]:
        """Returns lines "reconstructions", each original with its reconstruction, and "samples".

        Args:
            model: `VAE` in training.
        """
        if self.to_text is None or is_image(self.x):
            return {}
        rebuilt, sampled = (self.to_text(np.asarray(rows)) for rows in self._of(model))
        pairs = zip(self.to_text(np.asarray(self.x)), rebuilt, strict=True)
        return {"reconstructions": [f"{original} -> {line}" for original, line in pairs], "samples": list(sampled)}

    def _of(self, model):
        """Returns reconstructions of the observations, and samples."""
        choices = {"verbose": False} if is_image(self.x) else self.choices
        rebuilt = model.reconstruct(self.x, seed=(self.seed, 0), **choices)
        return np.asarray(rebuilt), np.asarray(model.sample(self.count, seed=(self.seed, 1), **choices))


def first_rows(data, count: int):
    """Returns the first observations as an array.

    Args:
        data: array [N, ...], or a `tf.data.Dataset` of batches or of tuples that begin with a batch.
        count: largest number of observations.
    """
    if not isinstance(data, tf.data.Dataset):
        known = isinstance(data, list | tuple) or len(getattr(data, "shape", ())) > 0
        require(known, "data", "be an array [N, ...] or a `tf.data.Dataset`", type(data).__name__)
        return np.asarray(data[:count])
    rows: list[np.ndarray] = []
    for batch in data:
        rows.extend(np.asarray(batch[0] if isinstance(batch, tuple) else batch))
        if len(rows) >= count:
            break
    longest = max(len(row) if row.ndim else 0 for row in rows[:count])
    if rows[0].ndim == 1:  # sentences of batches of other lengths; 0 is the id of no token
        rows = [np.pad(row, (0, longest - len(row))) for row in rows]
    return np.stack(rows[:count])


def is_image(x) -> bool:
    """Returns whether observations are images [N, H, W, C] of 1 or 3 channels."""
    return np.ndim(x) == 4 and np.shape(x)[-1] in (1, 3)


def levels_of(image) -> np.ndarray:
    """Returns an image of floats in [0, 1] in 8-bit levels."""
    return np.rint(255.0 * np.asarray(image)).astype(np.uint8)


def grid(images, columns: int):
    """Returns a grid [H, W, C] of floats in [0, 1].

    Args:
        images: images [N, H, W, C], clipped to [0, 1]. White rows and columns of `GAP` pixels are between them.
        columns: number of images in a row.
    """
    images = np.clip(np.nan_to_num(np.asarray(images, np.float32)), 0.0, 1.0)
    rows = -(-len(images) // columns)
    images = np.pad(images, [(0, rows * columns - len(images)), (0, GAP), (0, GAP), (0, 0)], constant_values=1.0)
    _, height, width, channels = images.shape
    tiles = images.reshape(rows, columns, height, width, channels).transpose(0, 2, 1, 3, 4)
    return tiles.reshape(rows * height, columns * width, channels)[:-GAP, :-GAP]
