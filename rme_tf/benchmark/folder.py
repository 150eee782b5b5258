"""How fast a folder of images is there, and read, beside a training step: `python -m rme_tf.benchmark.folder`.

Makes small JPEGs in a temporary folder. Then, each in a process of its own: the start from nothing but the files, the
start with the pixels kept in the data directory, and rounds of the input pipeline alone and of training with it.
"""

import dataclasses
import io
import math
import pathlib
import tempfile
import time
from typing import Any, NamedTuple

import keras
import numpy as np
import tyro
from tabulate import tabulate

from rme_tf import memory
from rme_tf.algorithms import RecursiveMixture
from rme_tf.benchmark.keeping import check_out, in_new_process, keep
from rme_tf.data import load_folder, steps_per_epoch, training_dataset
from rme_tf.models import VAE

# As recipes/folder.py has it.
MODEL: dict[str, Any] = {
    "encoder": "dcgan",
    "decoder": "dcgan",
    "latent_dim": 64,
    "likelihood": "discretized_logistic_mixture",
}
PIPELINE, TRAINING = "input pipeline alone", "training"
CONTENTS = 256  # different images, of which the files are copies: what is measured is their number


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """What to time.

    Args:
        count: JPEGs.
        side: their pixels on a side.
        size: pixels on a side of what is trained on.
        components: M.
        batch_size: images of a step.
        steps: training steps of one timing.
        pipeline_steps: batches of the input pipeline in one timing, a pass over the images at least.
        rounds: timings of the input pipeline and of training.
        out: file for the record; none unless given.
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
    """What it takes until the images are there."""

    seconds: float
    mib_before: float  # of the process, TensorFlow's own; NaN but on Linux, like the next
    peak_mib: float


def make_files(folder, options: Options) -> None:
    """Writes the JPEGs, smooth noise in colour, a thousand a folder."""
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
    """Returns what `load_folder` takes, until the first batch: of files alone, or of what `data_dir` keeps."""
    memory.reset_peak()
    before, begin = memory.peak(), time.perf_counter()
    images = load_folder(path=folder, data_dir=data_dir, size=options.size).train
    next(iter(training_dataset(images, batch_size=options.batch_size, binarization="none")))
    seconds, peak = time.perf_counter() - begin, memory.peak()
    return Start(seconds, *(math.nan if each is None else each for each in (before, peak)))


def timings(folder, data_dir, options: Options) -> dict[str, list[float]]:
    """Returns the images a second of the input pipeline and of training, in every round."""
    keras.utils.disable_interactive_logging()
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
    """Returns the lines of the table."""
    begun: list[dict] = [
        {
            f"{options.count:,} JPEGs": name,
            "images/s": options.count / each.seconds,
            "seconds": each.seconds,
            "peak MiB": each.peak_mib,
        }
        for name, each in starts.items()
    ]
    names = {TRAINING: f"training, RME({options.components}) on {options.size}x{options.size}"}
    return begun + [
        {f"{options.count:,} JPEGs": names.get(name, name), "images/s": float(np.median(values))}
        for name, values in rates.items()
    ]


def main() -> None:
    """Prints the table, and keeps the record if it is wanted."""
    options = tyro.cli(Options, description=__doc__)
    check_out(options.out)
    with tempfile.TemporaryDirectory() as folder:
        files, kept = f"{folder}/files", f"{folder}/kept"
        make_files(files, options)
        names = ("start, files alone", "start, pixels kept")
        starts = {name: in_new_process(start, files, kept, options) for name in names}
        rates = in_new_process(timings, files, kept, options)
    table = rows(options, starts, rates)
    ratios = np.array(rates[PIPELINE]) / np.array(rates[TRAINING])
    print(tabulate(table, headers="keys", floatfmt=("", ",.0f", ".2f", ",.0f")))
    print(f"The pipeline gives {np.median(ratios):,.0f} times what training takes, the median over the rounds.")
    keep(options.out, options, table, starts={name: each._asdict() for name, each in starts.items()}, rates=rates)


if __name__ == "__main__":
    main()
