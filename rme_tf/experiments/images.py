"""Recipes of images."""

import dataclasses
import functools
import pathlib
from collections.abc import Mapping
from typing import ClassVar

from rme_tf import data
from rme_tf.data import BINARIZATIONS, DATASETS
from rme_tf.experiments import gallery
from rme_tf.experiments.recipe import EVALUATION_SEED, Recipe, Run, Task
from rme_tf.likelihoods import LIKELIHOODS
from rme_tf.networks import DECODERS, ENCODERS

TRAIN_EVALUATION_SIZE = 1000  # training images whose bounds are reported beside the test set's


def _without(table: Mapping, *names: str) -> dict:
    """Returns a table without what is for sentences alone."""
    return {name: value for name, value in table.items() if name not in names}


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImageRecipe(Recipe):
    """A training run on images.

    Args:
        dataset: name of the data set.
        binarization: "dynamic" (redrawn for each training batch), "static", "threshold", "none".
        likelihood: p(x|z).
    """

    TABLES: ClassVar[dict[str, Mapping]] = {
        **Recipe.TABLES,
        "encoder": _without(ENCODERS, "constant", "lstm"),
        "decoder": _without(DECODERS, "lstm"),
        "binarization": BINARIZATIONS,
        "dataset": DATASETS,
        "likelihood": _without(LIKELIHOODS, "categorical_sequence"),
    }

    dataset: str = "mnist"
    binarization: str = "dynamic"
    likelihood: str = "bernoulli"

    def load(self) -> Task:
        """Returns the data's side of the run; raises ValueError as `data.load_images` does."""
        splits = data.load_images(
            self.dataset,
            data_dir=self.data_dir,
            download=self.download,
            train_size=self.train_size,
            test_size=self.test_size,
        )
        observations = functools.partial(data.evaluation_array, binarization=self.binarization, seed=EVALUATION_SEED)
        test = observations(splits.test)
        batches = functools.partial(
            data.training_dataset,
            splits.train,
            batch_size=self.batch_size,
            binarization=self.binarization,
            seed=self.seed,
        )
        size = min(TRAIN_EVALUATION_SIZE, len(splits.train), len(test))
        return Task(
            model_options={"input_shape": splits.train.shape[1:], "likelihood": self.likelihood},
            steps_per_epoch=data.steps_per_epoch(len(splits.train), self.batch_size),
            batches=lambda epoch: batches(first_epoch=epoch),
            validation=data.evaluation_dataset(observations(splits.validation), batch_size=256),
            evaluations={"test": test, "train": observations(splits.train[:size])},
            example=test,
            callbacks=lambda history: [],
            metrics=lambda model, split, bounds: {},
            facts={},
            export_options={},
            keep=lambda out: None,
        )

    def show(self, runs: Mapping[str, Run], out: pathlib.Path) -> None:
        """Draws the figures of `gallery`."""
        gallery.draw(runs, out)
