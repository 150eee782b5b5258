"""Draws from the model of a run, written as files."""

import dataclasses
import pathlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image

from rme_tf import plots
from rme_tf.data import text
from rme_tf.data.tables import TableEncoding
from rme_tf.experiments.recipes.table_files import ENCODING, samples
from rme_tf.experiments.recipes.tokenizers import KEPT
from rme_tf.models.vae import VAE

CHUNK = 100  # observations drawn at a time, which bounds the memory
IN_GRID = 100  # largest number of images in the grid
COLUMNS = 10
TEMPERATURE = 0.8  # of the tokens, as in a run's sentences.txt


@dataclasses.dataclass(frozen=True)
class Draws:
    """Draws from the model of a run: their number, seed and place."""

    model: VAE
    run: pathlib.Path  # directory of the run
    recipe: Any
    count: int
    seed: int
    out: pathlib.Path  # directory of the files

    def chunks(self, **choices) -> Iterator[np.ndarray]:
        """Returns observations drawn from the prior, chunk by chunk.

        Args:
            **choices: further arguments of `VAE.sample`.
        """
        for index in range(0, self.count, CHUNK):
            size = min(CHUNK, self.count - index)
            yield np.asarray(self.model.sample(size, seed=(self.seed, index), **choices))


def write_images(draws: Draws) -> list[pathlib.Path]:
    """Writes images and a grid; returns the paths, the grid first."""
    width, paths = len(str(draws.count - 1)), [draws.out / "grid.png"]
    first: list[np.ndarray] = []
    for images in draws.chunks():
        first += list(images[: IN_GRID - len(first)])
        for image in images:
            paths.append(draws.out / f"{len(paths) - 1:0{width}}.png")
            pixels = np.rint(255 * np.clip(image, 0.0, 1.0)).astype(np.uint8)
            Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(paths[-1])
    plots.save(plots.image_grid(np.stack(first), min(COLUMNS, draws.count)), paths[0])
    return paths


def write_rows(draws: Draws) -> list[pathlib.Path]:
    """Writes rows in their original units; returns a list of one path."""
    encoding = TableEncoding.load(draws.run / ENCODING)
    path = draws.out / "samples.csv"
    samples(draws.model, encoding, draws.count, draws.seed).to_csv(path, index=False)
    return [path]


def write_sentences(draws: Draws) -> list[pathlib.Path]:
    """Writes and prints sentences; returns a list of one path."""
    tokenizer = text.load_tokenizer(draws.run / KEPT)
    choices = {"max_length": draws.recipe.max_length, "unknown": False}
    rows = draws.chunks(strategy="sample", temperature=TEMPERATURE, **choices)
    lines = [line for part in rows for line in tokenizer.decode(part)]
    path = draws.out / "sentences.txt"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))
    return [path]
