"""Draws from the model of a run, written as files."""

import pathlib
from collections.abc import Iterator

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


def write_images(model: VAE, run: pathlib.Path, recipe, *, count: int, seed: int, out: pathlib.Path) -> list:
    """Writes images drawn from the prior, and a grid of them.

    Args:
        model: trained model.
        run: directory of the run.
        recipe: recipe of the run.
        count: number of images.
        seed: seed of the draws.
        out: directory of the files.

    Returns:
        paths: paths of the written files, the grid first.
    """
    del run, recipe
    width, paths = len(str(count - 1)), [out / "grid.png"]
    first: list[np.ndarray] = []
    for images in _draws(model, count, seed):
        first += list(images[: IN_GRID - len(first)])
        for image in images:
            paths.append(out / f"{len(paths) - 1:0{width}}.png")
            pixels = np.rint(255 * np.clip(image, 0.0, 1.0)).astype(np.uint8)
            Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(paths[-1])
    plots.save(plots.image_grid(np.stack(first), min(COLUMNS, count)), paths[0])
    return paths


def write_rows(model: VAE, run: pathlib.Path, recipe, *, count: int, seed: int, out: pathlib.Path) -> list:
    """Writes rows drawn from p(x), in the original levels and units.

    Args:
        model: trained model.
        run: directory of the run, with its encoding.
        recipe: recipe of the run.
        count: number of rows.
        seed: seed of the draws.
        out: directory of the file.

    Returns:
        paths: path of the file, in a list.
    """
    del recipe
    path = out / "samples.csv"
    samples(model, TableEncoding.load(run / ENCODING), count, seed).to_csv(path, index=False)
    return [path]


def write_sentences(model: VAE, run: pathlib.Path, recipe, *, count: int, seed: int, out: pathlib.Path) -> list:
    """Writes sentences drawn from the prior, one a line, and prints them.

    Args:
        model: trained model.
        run: directory of the run, with its tokenizer.
        recipe: recipe of the run.
        count: number of sentences.
        seed: seed of the draws.
        out: directory of the file.

    Returns:
        paths: path of the file, in a list.
    """
    tokenizer = text.load_tokenizer(run / KEPT)
    choices = {"strategy": "sample", "temperature": TEMPERATURE, "max_length": recipe.max_length}
    lines = [line for rows in _draws(model, count, seed, **choices) for line in tokenizer.decode(rows)]
    path = out / "sentences.txt"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))
    return [path]


def _draws(model: VAE, count: int, seed: int, **choices) -> Iterator[np.ndarray]:
    """Returns the observations of `count` draws from the prior, chunk by chunk."""
    for index in range(0, count, CHUNK):
        drawn = model.sample(min(CHUNK, count - index), seed=(seed, index), **choices)
        yield np.asarray(drawn)
