"""Nearest training observations of samples, as a check for memorization."""

import itertools
from typing import Any, NamedTuple

import numpy as np

from rme_tf.core.types import EOS, PAD
from rme_tf.experiments.pages.items import Items, items_of
from rme_tf.experiments.pages.model_verdicts import COPY
from rme_tf.experiments.recipes.task import Task

MOST_VALUES = 60_000_000  # of training observations that are searched: all of MNIST
MOST_SENTENCES = 10_000  # whose tokens are compared; all are searched for equal ones
MOST_TESTS = 24  # test observations that are compared in the same way
SHOWN = 8


class Neighbors(NamedTuple):
    """Samples with their nearest training observations."""

    samples: Items
    nearest: Items
    distances: np.ndarray  # [K, 2], to the nearest and the second nearest
    copies: int
    test_copies: int
    tests: int
    searched: int  # training observations
    of: int
    kind: str = "observation"  # "sentence" or "image"


def nearest_in_training(task: Task, samples, tests, num_train: int) -> Neighbors:
    """Returns the `Neighbors` of samples in the first training epoch.

    Args:
        task: data of the run.
        samples: samples from the prior. Shape [K, *event_shape].
        tests: test observations, for comparison. Shape [N, *event_shape].
        num_train: number of training observations.
    """
    is_text = "tokenizer" in task.export_options
    queries = [row for values in (samples, tests[:MOST_TESTS]) for row in np.asarray(values)]
    search = SentenceSearch(queries) if is_text else ArraySearch(queries)
    batches = itertools.islice(iter(task.batches(0)), task.steps_per_epoch)
    searched = 0
    for batch in batches:
        rows = np.asarray(batch[0] if isinstance(batch, tuple | list) else batch)
        search.add(rows)
        searched += len(rows)
        if searched * rows[0].size > MOST_VALUES:
            break
    copies = search.copies()
    count, shown = len(samples), items_of(task, samples[:SHOWN])
    return Neighbors(
        samples=shown,
        nearest=items_of(task, stacked(search.rows[:SHOWN])),
        distances=search.distances[:count],
        copies=int(copies[:count].sum()),
        test_copies=int(copies[count:].sum()),
        tests=len(queries) - count,
        searched=searched,
        of=max(num_train, searched),
        kind="sentence" if is_text else "observation" if shown.images is None else "image",
    )


def stacked(rows) -> np.ndarray:
    """Returns rows as one array; sentences are padded to the longest."""
    longest = max(len(row) for row in rows)
    padding = [(0, 0)] * (rows[0].ndim - 1)
    return np.stack([np.pad(row, [(0, longest - len(row)), *padding], constant_values=PAD) for row in rows])


class ArraySearch:
    """A search for the two nearest rows, batch by batch.

    Args:
        queries: arrays of one shape.
    """

    def __init__(self, queries):
        self.queries = np.nan_to_num(np.stack(queries).reshape(len(queries), -1).astype(np.float32))
        self.distances = np.full([len(queries), 2], np.inf)
        self.rows: list[Any] = [None] * len(queries)

    def add(self, rows) -> None:
        """Compares further rows with the queries.

        Args:
            rows: rows to search. Shape [B, *event_shape].
        """
        flat = np.nan_to_num(rows.reshape(len(rows), -1).astype(np.float32))
        products = self.queries @ flat.T
        squared = (self.queries**2).sum(axis=-1)[:, None] - 2.0 * products + (flat**2).sum(axis=-1)
        distances = np.sqrt(np.maximum(squared, 0.0))  # [Q, B]
        nearest = distances.argmin(axis=-1)
        for query, index in enumerate(nearest):
            if distances[query, index] < self.distances[query, 0]:
                self.rows[query] = rows[index]
        two = np.sort(np.concatenate([self.distances, distances], axis=-1), axis=-1)[:, :2]
        self.distances = two

    def copies(self) -> np.ndarray:
        """Returns whether the ratio of distances makes each query a copy."""
        first, second = self.distances.T
        return np.isfinite(second) & (first <= COPY * np.where(np.isfinite(second), second, 0.0))


class SentenceSearch:
    """A search for the nearest and the equal sentences.

    Distances are 1 - shared / all tokens, counted once a sentence.

    Args:
        queries: rows of token ids.
    """

    def __init__(self, queries):
        self.keys = [self.key(row) for row in queries]
        self.sets = [frozenset(key) for key in self.keys]
        self.distances = np.full([len(queries), 2], np.inf)
        self.rows: list[Any] = [queries[0][:1]] * len(queries)
        self.equal = np.zeros(len(queries), bool)
        self._of_key: dict[tuple[int, ...], list[int]] = {}
        for query, key in enumerate(self.keys):
            self._of_key.setdefault(key, []).append(query)
        self._left = MOST_SENTENCES

    @staticmethod
    def key(row) -> tuple[int, ...]:
        """Returns the tokens of a row before its EOS."""
        ends = np.flatnonzero((row == EOS) | (row == PAD))
        return tuple(row[: ends[0]].tolist() if len(ends) else row.tolist())

    def add(self, rows) -> None:
        """Compares further sentences with the queries.

        Args:
            rows: token ids. Shape [B, T].
        """
        for row in rows:
            key = self.key(row)
            self.equal[self._of_key.get(key, [])] = True
            self._left -= 1
            if self._left < 0:
                continue
            tokens = frozenset(key)
            for query, words in enumerate(self.sets):
                shared = len(words & tokens)
                distance = 1.0 - shared / max(1, len(words) + len(tokens) - shared)
                if distance < self.distances[query, 0]:
                    self.distances[query] = distance, self.distances[query, 0]
                    self.rows[query] = row
                elif distance < self.distances[query, 1]:
                    self.distances[query, 1] = distance

    def copies(self) -> np.ndarray:
        """Returns whether each query is one of the sentences."""
        return self.equal
