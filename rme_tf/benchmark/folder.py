"""Benchmark of a folder of images: start, input pipeline, training.

    python -m rme_tf.benchmark.folder

Makes small JPEGs in a temporary folder, and measures, in a new process for each: the start from the files alone, the
start from the pixels in the data directory, and rounds of the input pipeline alone and of training with it.
"""

import dataclasses
import io
import math
import pathlib
import tempfile
import time
from typing import Any, NamedTuple

import numpy as np
import tyro
from tabulate import tabulate

from rme_tf.algorithms import RecursiveMixture
from rme_tf.benchmark.processes import in_new_process
from rme_tf.benchmark.records import check_out, keep
from rme_tf.core import memory
from rme_tf.data import load_folder, steps_per_epoch, training_dataset
from rme_tf.models import VAE

# The model of recipes/folder.py.
MODEL: dict[str, Any] = {
    "encoder": "dcgan",
    "decoder": "dcgan",
    "latent_dim": 64,
    "likelihood": "discretized_logistic_mixture",
}
PIPELINE, TRAINING = "input pipeline alone", "training"
CONTENTS = 256  # different images; the files are copies of these


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """Sizes and numbers of the timings.

    Args:
        count: number of JPEGs.
        side: pixels on a side of the JPEGs.
        size: pixels on a side of the images in training.
        components: number of components M.
        batch_size: images of a step.
        steps: training steps of one timing.
        pipeline_steps: batches of the input pipeline in one timing, at least a pass over the images.
        rounds: timings of the input pipeline and of training.
        out: file for the record; None for no record.
    """

    count: int = 50_000
    side: int = 128
    size: int = 32
    components: int = 5
    batch_size: int = 128
    steps: int = 5
    pipeline_steps: int = 100
    rounds: int = 3
    out: str | None = None


class Start(NamedTuple):
    """Seconds and memory of a start."""

    seconds: float
    mib_before: float  # memory of the process with TensorFlow; NaN unless on Linux, as is the peak
    peak_mib: float


def make_files(folder, options: Options) -> None:
    """Writes the JPEGs, smooth noise in color, a thousand a folder."""
    from PIL import Image

    rng, contents = np.random.default_rng(0), []
    for _ in range(min(CONTENTS, options.count)):
        stream = io.BytesIO()
        coarse = Image.fromarray(rng.integers(0, 256, (16, 16, 3), dtype=np.uint8))
        coarse.resize((options.side, options.side), Image.Resampling.BICUBIC).save(stream, "jpeg")
        contents.append(stream.getvalue())
    for index in range(options.count):
        path = pathlib.Path(folder) / f"{index // 1000:03d}" / f"{index:06d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(contents[index % len(contents)])


def start(folder, data_dir, options: Options) -> Start:
    """Returns seconds and memory of `load_folder` up to the first batch.

    Args:
        folder: folder of the files.
        data_dir: folder of the prepared pixels, which are read if they exist.
        options: sizes and numbers of the timings.
    """
    memory.reset_peak()
    before, begin = memory.peak(), time.perf_counter()
    images = load_folder(path=folder, data_dir=data_dir, size=options.size).train
    next(iter(training_dataset(images, batch_size=options.batch_size, binarization="none")))
    seconds, peak = time.perf_counter() - begin, memory.peak()
    return Start(seconds, *(math.nan if mib is None else mib for mib in (before, peak)))


def timings(folder, data_dir, options: Options) -> dict[str, list[float]]:
    """Returns the images a second of the pipeline and of training."""
    images = load_folder(path=folder, data_dir=data_dir, size=options.size).train
    model = VAE.from_names(input_shape=images.shape[1:], num_components=options.components, **MODEL)
    model.compile("adam", RecursiveMixture(warm_start_epochs=0))
    dataset = training_dataset(images, batch_size=options.batch_size, binarization="none")
    batches = iter(dataset)
    pass_steps = max(options.pipeline_steps, steps_per_epoch(len(images), options.batch_size))

    def read() -> int:
        for _ in range(pass_steps):
            next(batches)
        return pass_steps

    def fit() -> int:
        model.fit(dataset, steps_per_epoch=options.steps, verbose=0)
        return options.steps

    rates: dict[str, list[float]] = {PIPELINE: [], TRAINING: []}
    for _ in range(options.rounds + 1):  # the first compiles
        for name, turn in ((PIPELINE, read), (TRAINING, fit)):
            begin = time.perf_counter()
            rates[name].append(turn() * options.batch_size / (time.perf_counter() - begin))
    return {name: values[1:] for name, values in rates.items()}


def rows(options: Options, starts: dict[str, Start], rates: dict[str, list[float]]) -> list[dict]:
    """Returns the rows of the table."""
    begun: list[dict] = [
        {
            f"{options.count:,} JPEGs": name,
            "images/s": options.count / begin.seconds,
            "seconds": begin.seconds,
            "peak MiB": begin.peak_mib,
        }
        for name, begin in starts.items()
    ]
    names = {TRAINING: f"training, RME({options.components}) on {options.size}x{options.size}"}
    return begun + [
        {f"{options.count:,} JPEGs": names.get(name, name), "images/s": float(np.median(values))}
        for name, values in rates.items()
    ]


def main() -> None:
    """Print the table, and write the record."""
    options = tyro.cli(Options, description=__doc__)
    check_out(options.out)
    with tempfile.TemporaryDirectory() as folder:
        files, pixels = f"{folder}/files", f"{folder}/pixels"
        make_files(files, options)
        names = ("start, files alone", "start, pixels kept")
        starts = {name: in_new_process(start, files, pixels, options) for name in names}
        rates = in_new_process(timings, files, pixels, options)
    table = rows(options, starts, rates)
    ratios = np.array(rates[PIPELINE]) / np.array(rates[TRAINING])
    print(tabulate(table, headers="keys", floatfmt=("", ",.0f", ".2f", ",.0f")))
    print(f"The pipeline gives {np.median(ratios):,.0f} times what training takes, the median over the rounds.")
    keep(options.out, options, table, starts={name: begin._asdict() for name, begin in starts.items()}, rates=rates)


if __name__ == "__main__":
    main()
