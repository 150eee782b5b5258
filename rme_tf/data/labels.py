"""Labels of observations, which no training reads.

N observations of a split. A label is a number, the place of a name in a tuple of names; `UNLABELED` stands for none.
"""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from rme_tf.core.validation import require

UNLABELED = -1

_SPLITS = {"train", "training", "validation", "valid", "val", "dev", "test", "testing"}  # folders that are no classes


class RowLabels(NamedTuple):
    """Labels of the rows of one array."""

    values: np.ndarray  # int32, from 0 to len(names) - 1, or UNLABELED  [N]
    names: tuple[str, ...]


class Labels(NamedTuple):
    """Labels of training, validation and test observations, with their names."""

    train: np.ndarray  # int32, from 0 to len(names) - 1, or UNLABELED  [N]
    validation: np.ndarray  # [N']
    test: np.ndarray  # [N'']
    names: tuple[str, ...]

    def of(self, split: str) -> RowLabels:
        """Returns the labels of one split, by its name."""
        return RowLabels(self._asdict()[split], self.names)

    def first(self, sizes: Mapping[str, int | None]) -> "Labels":
        """Returns the labels of the first observations of each split.

        Args:
            sizes: number of observations by split; None is all.
        """
        cut = {split: array[: sizes.get(split)] for split, array in zip(self._fields, self[:3], strict=False)}
        return Labels(**cut, names=self.names)


def numbered(parts: Iterable, names: Sequence[str]) -> Labels:
    """Returns the labels of three splits that have numbers.

    Args:
        parts: for each split, integers from 0 to `len(names) - 1`, or `UNLABELED`. Shapes [N].
        names: names of the numbers.

    Raises:
        ValueError: if there are not three splits, or a label is not such an integer.
    """
    arrays = [np.asarray(part) for part in parts]
    require(len(arrays) == 3, "labels", "have three splits", len(arrays))
    for array in arrays:
        require(array.ndim == 1 and array.dtype.kind in "iu", "labels", "be integers, shape [N]", _form(array))
        valid = array.size == 0 or UNLABELED <= array.min() <= array.max() < len(names)
        extremes = f"{array.min()} to {array.max()}" if array.size else "none"
        require(valid, "labels", f"be from 0 to {len(names) - 1}, or {UNLABELED} for none", extremes)
    train, validation, test = (array.astype(np.int32) for array in arrays)
    return Labels(train, validation, test, tuple(map(str, names)))


def named(parts: Iterable[Sequence[str | None]]) -> Labels | None:
    """Returns the labels of three splits by name, or None.

    Fewer than two different names are no labels. The names are sorted: by number, if all of them are integers.

    Args:
        parts: for each split, the name of each observation's label; None for an observation without one.
    """
    parts = list(parts)
    names = sorted({name for part in parts for name in part if name is not None})
    if len(names) < 2:
        return None
    if all(name.lstrip("-").isdecimal() for name in names):
        names.sort(key=int)
    numbers: dict[str | None, int] = {None: UNLABELED, **{name: index for index, name in enumerate(names)}}
    return numbered((np.array([numbers[name] for name in part], np.int32) for part in parts), names)


def class_folders(paths: Sequence[str]) -> list[str | None]:
    """Returns the class folder of each file.

    It is the first folder of the path in which the files differ. Folders above with the name of a split, such as
    "train" and "test", are no classes. None stands for a file that is in no such folder.

    Args:
        paths: relative paths with forward slashes.
    """
    parents = [path.split("/")[:-1] for path in paths]
    parents = _below(parents)
    if parents and all(parent and parent[0].lower() in _SPLITS for parent in parents):
        parents = _below([parent[1:] for parent in parents])
    return [parent[0] if parent else None for parent in parents]


def _below(parents: list[list[str]]) -> list[list[str]]:
    """Returns paths without the folders that all of them have in common."""
    first, last = min(parents, default=[]), max(parents, default=[])  # which differ before any two others do
    same = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))
    shared = len(list(same))
    return [parent[shared:] for parent in parents]


def _form(array) -> str:
    return f"{array.dtype}, shape {list(array.shape)}"
