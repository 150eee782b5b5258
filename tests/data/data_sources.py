"""Facts of data/README.md on each data set, and made sources to load the sets from without a network."""

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from scipy import io

from rme_tf.data import ImageSplits

README = (Path(__file__).parents[2] / "data" / "README.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `(\w+)` \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)

MATLAB_FILES = {
    "caltech_silhouettes": "caltech101_silhouettes_28_split1.mat",
    "frey_faces": "frey_rawface.mat",
    "omniglot": "chardata.mat",
}


class Facts(NamedTuple):
    """A row of the table in data/README.md; None where it depends on the data."""

    shape: tuple[int | None, ...]  # height, width, channels
    sizes: tuple[int, ...] | None  # of training, validation and test
    license: str


def facts_of(readme=README) -> dict[str, Facts]:
    """Returns the table of the data sets in data/README.md."""
    facts = {}
    for name, shape, sizes, license in ROW.findall(readme):
        parts = [int(part) if part.isdigit() else None for part in shape.strip().split(" x ")]
        counts = [part.replace(",", "") for part in sizes.strip().split(" / ")]
        fixed = all(count.isdigit() for count in counts)
        facts[name] = Facts(tuple(parts), tuple(map(int, counts)) if fixed else None, license.strip())
    return facts


def section_of(name, readme=README) -> str:
    """Returns the section of a data set in data/README.md."""
    return readme.split(f"## {name}\n")[1].split("\n## ")[0]


def builders_of(name, readme=README) -> list[str]:
    """Returns the names that TensorFlow Datasets has for a data set, by its section."""
    return re.findall(r"TensorFlow\s+Datasets,\s+`(\w+)`", section_of(name, readme))


def crc32_of(name, readme=README) -> tuple[int, ...]:
    """Returns the CRC-32 of the three splits; of a data set without recorded ones, an empty tuple."""
    found = re.findall(r"`([0-9a-f]{8})`\s+(?:train|validation|test)\b", section_of(name, readme))
    return tuple(int(checksum, 16) for checksum in found)


def sizes_of(splits):
    return tuple(map(len, splits))


def rows_of(*arrays):
    return sorted(image.tobytes() for images in arrays for image in images)


def distinct_images(count, shape, first=0):
    """Returns images [count, *shape] that all differ, and need 8 bytes each: image i begins with the bytes of i."""
    size = int(np.prod(shape))
    numbers = np.arange(first, first + count + size // 8 + 1, dtype="<u8").view(np.uint8)
    return np.lib.stride_tricks.sliding_window_view(numbers, size)[::8][:count].reshape(count, *shape)


class MadeBuilder:
    """A prepared set of TensorFlow Datasets: of the documented sizes where it is read at once, else of a few images.

    Args:
        builder: the true builder, which knows the shape of the images.
        facts: documented shape and sizes.
        held_out: number of training images that the loader takes for validation, if the set has no such split.
    """

    data_path = "made"

    def __init__(self, builder, facts, held_out):
        self.info = builder.info
        self.shape = tuple(builder.info.features["image"].shape)
        self.classes = {
            key: feature.num_classes
            for key, feature in builder.info.features.items()
            if hasattr(feature, "num_classes")
        }
        self.documented = dict(zip(ImageSplits._fields, facts.sizes, strict=True))
        few = {"train": 5, "validation": held_out or 4, "test": 3}
        self.few = {**few, "train": few["train"] + held_out}
        self.expected = facts.sizes

    def is_prepared(self):
        return True

    def as_dataset(self, split, batch_size=None):
        names = [split] if isinstance(split, str) else split
        if batch_size != -1:
            self.expected = 5, self.few["validation"], 3
            parts = [self._stream(name) for name in names]
        else:
            counts = dict(self.documented)
            if "validation" not in names:
                counts["train"] += counts["validation"]
            first = iter(np.cumsum([0, *(counts[name] for name in names)]))
            parts = [
                {"image": distinct_images(counts[name], self.shape, next(first)), **self._labels(counts[name])}
                for name in names
            ]
        return parts[0] if isinstance(split, str) else parts

    def _labels(self, count):
        return {key: np.arange(count) % num_classes for key, num_classes in self.classes.items()}

    def _stream(self, name):
        rng = np.random.default_rng([*self.few].index(name))

        def examples():
            for index in range(self.few[name]):
                labels = {key: index % num_classes for key, num_classes in self.classes.items()}
                yield {"image": rng.integers(0, 256, self.shape, np.uint8), **labels}

        signature = {
            "image": tf.TensorSpec(self.shape, tf.uint8),
            **dict.fromkeys(self.classes, tf.TensorSpec([], tf.int64)),
        }
        return tf.data.Dataset.from_generator(examples, output_signature=signature)


def write_matlab_files(folder, facts):
    """Writes the files of MATLAB of the true formats and sizes; returns the images in them, by data set."""
    rng = np.random.default_rng(0)

    def images(count, high, shape=(28, 28)):
        return rng.integers(0, high + 1, (count, *shape), dtype=np.uint8)

    def columns(images):  # MATLAB's order: down each column of an image
        return images.swapaxes(1, 2).reshape(len(images), -1)

    def write(name, arrays):
        (folder / name).mkdir()
        io.savemat(folder / name / MATLAB_FILES[name], arrays)

    omniglot = images(sum(facts["omniglot"].sizes[:2]), 255), images(facts["omniglot"].sizes[2], 255)
    arrays = {"data": columns(omniglot[0]).T / 255.0, "testdata": columns(omniglot[1]).T / 255.0}
    for name, part in zip(("target", "testtarget"), omniglot, strict=True):
        arrays[name] = np.eye(50)[part[:, 0, 0] % 50].T  # the alphabet follows from the first pixel
    write("omniglot", {name: array.astype(np.float32) for name, array in arrays.items()})
    frey = images(sum(facts["frey_faces"].sizes), 255, (28, 20))
    write("frey_faces", {"ff": frey.reshape(len(frey), 560).T})
    caltech = [images(size, 1) for size in facts["caltech_silhouettes"].sizes]
    arrays = {}
    for name, part in zip(("train", "val", "test"), caltech, strict=True):
        arrays |= {f"{name}_data": columns(part), f"{name}_labels": 1 + part[:, 0].sum(axis=-1)[np.newaxis]}
    write("caltech_silhouettes", arrays)  # the class, from 1 on, is the number of ones in the first row, and one
    return {"omniglot": omniglot, "frey_faces": (frey,), "caltech_silhouettes": caltech}
