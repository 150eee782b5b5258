"""Recipes of images."""

import dataclasses
import functools
import math
import warnings
from collections.abc import Mapping
from typing import Any, ClassVar

import tensorflow as tf

from rme_tf import data
from rme_tf.data import BINARIZATIONS, DATASETS
from rme_tf.evaluation.collapse import collapse_report
from rme_tf.experiments.parts.options import options_of
from rme_tf.experiments.parts.slots import Slot
from rme_tf.experiments.recipes import image_gallery
from rme_tf.experiments.recipes.base import EVALUATION_SEED, Recipe
from rme_tf.experiments.recipes.monitors import monitors
from rme_tf.experiments.recipes.observed_images import (
    ALL_SEEN,
    HIDDEN,
    ObservedImages,
    check_hidden,
    imputation_metrics,
)
from rme_tf.experiments.recipes.places import decoder_place, encoder_place, likelihood_place
from rme_tf.experiments.recipes.probe import PROBED, ProbeFields, probe_metrics
from rme_tf.experiments.recipes.task import Task
from rme_tf.likelihoods import LIKELIHOODS
from rme_tf.networks import DECODERS, ENCODERS

MONITORED = 500  # largest number of validation images diagnosed after each epoch
TRAIN_EVALUATION_SIZE = 1000  # training images whose bounds are reported in addition to the test set's
EXAMPLE_SIZE = 1000  # images of a memory-mapped test set for figures


def _without(table: Mapping, *names: str) -> dict:
    """Returns a table without the choices for sentences, signals and counts."""
    return {name: value for name, value in table.items() if name not in names}


OF_PIXELS = _without(LIKELIHOODS, "categorical_sequence", "columns", "negative_binomial", "poisson")
UNIT = (0.0, 1.0)  # values of all pixels


def is_density(likelihood: str) -> bool:
    """Returns whether a likelihood of pixels, by name, is a density.

    Its nats compare with probabilities of levels after dequantization.
    """
    return OF_PIXELS[likelihood].bits_offset != 0.0


def check_values(likelihood: str, binarization: str) -> None:
    """Checks that a likelihood fits the values of a binarization.

    Args:
        likelihood: name of the likelihood.
        binarization: name of the binarization.

    Raises:
        ValueError: if the likelihood needs other values.
    """
    made = BINARIZATIONS[binarization].values
    if made == "binary" and likelihood != "bernoulli":
        raise ValueError(
            f"Pixels that are 0 or 1, of the binarization {binarization!r}, need the likelihood 'bernoulli': of levels "
            f"two would be seen, and a density has no limit there. Received: {likelihood!r}, which needs the "
            "binarization 'none' or, if it is a density, 'dequantized'."
        )
    if made == "real" and not is_density(likelihood):
        densities = sorted(name for name in OF_PIXELS if is_density(name))
        raise ValueError(f"Pixels that are {binarization!r} need a density: {densities}. Received: {likelihood!r}.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImageRecipe(Recipe, ProbeFields):
    """A training run on images.

    Args:
        dataset: name of the data set.
        binarization: "dynamic" (redrawn for each training batch), "static" or "threshold" for 0 and 1, with the
            likelihood "bernoulli"; "none" for the 256 levels; "dequantized" for real numbers, with added noise. A
            density has bits per dimension only for "dequantized" pixels.
        path: folder or file of a data set, see data/README.md; None for one in `data_dir`.
        size: pixels on a side, for the data sets "celeb_a" and "folder"; None for the data set's default.
        channels: 1 (gray) or 3 (RGB), for the data set "folder"; None for the data set's default.
        bits: significant bits of 16-bit files, for the data set "folder"; None for 16, or the number in a TIFF file.
        diagnosed: number of test images for the report on collapse; None for no report, and no monitor in training.
        hidden: block of pixels that is missing in each image of all splits: "lower_half", one of four ("half" or
            "quarter"), or "none". The hidden pixels of the test set score imputations.
    """

    PARTS: ClassVar[Mapping[str, Slot]] = {
        **Recipe.PARTS,
        "encoder": encoder_place(_without(ENCODERS, "constant", "conv1d", "lstm")),
        "decoder": decoder_place(_without(DECODERS, "conv1d", "lstm")),
        "likelihood": likelihood_place(OF_PIXELS, {"interval": UNIT}),
    }
    TABLES: ClassVar[Mapping[str, Mapping]] = {"binarization": BINARIZATIONS, "dataset": DATASETS, "hidden": HIDDEN}
    PATHS: ClassVar[tuple[str, ...]] = ("path",)

    dataset: str = "mnist"
    binarization: str = "dynamic"
    path: str | None = None
    size: int | None = None
    channels: int | None = None
    bits: int | None = None
    diagnosed: int | None = None
    hidden: str = ALL_SEEN

    def __post_init__(self):
        super().__post_init__()
        check_values(str(self.likelihood.name), self.binarization)
        data.given_options(self.dataset, **self.data_options)
        self.check_at_least(1, "size", "channels")
        self.check_at_least(9, "bits")
        self.check_at_least(2, "diagnosed")
        check_hidden(self.hidden, str(self.decoder.name))

    @property
    def data_options(self) -> dict[str, Any]:
        """Options that only some data sets have."""
        return {"path": self.path, "size": self.size, "channels": self.channels, "bits": self.bits}

    def model_options(self, input_shape) -> dict[str, Any]:
        """Returns arguments of `VAE.from_names` that depend on the data."""
        bounded = "interval" in options_of(OF_PIXELS[str(self.likelihood.name)])
        bounds = {"likelihood_options": {"interval": UNIT}} if bounded else {}
        missing = {} if self.hidden == ALL_SEEN else {"missing": True}
        return {"input_shape": input_shape, **bounds, **missing}

    def splits(self) -> tuple[data.ImageSplits, list[str]]:
        """Returns the splits and the loader's warnings, such as skipped files."""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", UserWarning)
            splits = data.load_images(
                self.dataset,
                data_dir=self.data_dir,
                download=self.download,
                train_size=None if self.smoke else self.train_size,
                test_size=self.test_size,
                **self.data_options,
            )
        return splits, list(dict.fromkeys(str(warning.message) for warning in caught))

    def images(self) -> tuple[data.ImageSplits, list[str]]:
        """Returns splits that are large enough, and the printed warnings."""
        splits, warned = self.splits()
        if warned:
            print("\n".join(warned))
        return self.diagnosable(splits.first(train=self.train_size)), warned

    def load(self) -> Task:
        """Returns the task of the run.

        Raises:
            ValueError: if `data.load_images` refuses an option, or the data set is unavailable.
        """
        splits, warned = self.images()
        self.check_probe(splits.labels)
        images = ObservedImages(splits, binarization=self.binarization, hidden=self.hidden)
        batch_size = self.batch_of(len(splits.train))
        test = images.evaluated("test")
        example = images.array("test", EXAMPLE_SIZE) if isinstance(test, tf.data.Dataset) else test
        complete = None if self.hidden == ALL_SEEN else images.array("test", len(example), complete=True)
        size = min(TRAIN_EVALUATION_SIZE, len(splits.train), len(splits.test))

        def callbacks(history):
            """Returns the monitor and the callbacks that depend on it."""
            if self.diagnosed is None:
                return []
            return monitors(self, images.array("validation", MONITORED), history)

        def metrics(model, split, bounds):
            """Returns further metrics of a split, with the linear probe for the test set."""
            values = self.more_metrics(model, split, example, complete)
            if not self.probe or split != "test" or splits.labels is None:
                return values
            arrays = [images.array(name, PROBED) for name in splits._fields]
            return {**values, **probe_metrics(model, arrays, splits.labels)}

        return Task(
            model_options=self.model_options(splits.train.shape[1:]),
            steps_per_epoch=data.steps_per_epoch(len(splits.train), batch_size),
            batches=lambda epoch: images.batches(batch_size, seed=self.seed, first_epoch=epoch),
            validation=images.held_out("validation", batch_size=256),
            evaluations={"test": test, "train": images.evaluated("train", size)},
            example=example,
            callbacks=callbacks,
            metrics=metrics,
            facts={
                **{split: len(pixels) for split, pixels in splits._asdict().items()},
                **({"warnings": warned} if warned else {}),
            },
            export_options={},
            keep=lambda out: None,
            show=functools.partial(image_gallery.draw, complete=complete),
            labels=None if splits.labels is None else splits.labels.first({"test": len(example)}).of("test"),
        )

    def diagnosable(self, splits: data.ImageSplits) -> data.ImageSplits:
        """Returns splits that are large enough for the report on collapse.

        With `smoke`, training images replace a split that is too small.

        Raises:
            ValueError: if a split is too small.
        """
        small = [name for name in ("validation", "test") if len(getattr(splits, name)) < 2]
        if self.diagnosed is None or not small:
            return splits
        if not self.smoke:
            raise ValueError(f"`diagnosed` needs two images at least. Received: one, in the split {small[0]!r}.")
        labels: Any = splits.labels
        labels = None if labels is None else labels._replace(**dict.fromkeys(small, labels.train))
        return splits._replace(**dict.fromkeys(small, splits.train)).with_labels(labels)

    def more_metrics(self, model, split: str, example, complete=None) -> dict[str, Any]:
        """Returns further metrics of a split.

        They are the report on collapse, the scale of a Gaussian decoder and the scores of imputations, for the test
        set, and NaN for meaningless bits per dimension.

        Args:
            model: trained model.
            split: "test" or "train".
            example: test images for the report.
            complete: test images with hidden pixels; None if all pixels are seen.
        """
        quantized = is_density(str(self.likelihood.name)) and BINARIZATIONS[self.binarization].values != "real"
        metrics: dict[str, Any] = {"bits_per_dimension": math.nan} if quantized else {}
        if split != "test":
            return metrics
        scale = getattr(model.likelihood.complete(), "scale", None)
        if scale is not None:
            metrics["decoder_scale"] = float(tf.reduce_mean(scale))
        if self.diagnosed is not None:
            report = collapse_report(model, example, max_observations=self.diagnosed, seed=EVALUATION_SEED)
            metrics["collapse"] = report.as_dict()
        if complete is not None:
            metrics["imputation"] = imputation_metrics(model, example, complete, self.importance_samples)
        return metrics
