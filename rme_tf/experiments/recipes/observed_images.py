"""The images of a recipe as observations, some of their pixels hidden."""

import numpy as np

from rme_tf import data
from rme_tf.data import HIDDEN_BLOCKS
from rme_tf.evaluation.imputation import imputation_scores
from rme_tf.evaluation.likelihood_bounds import estimate
from rme_tf.experiments.recipes.base import EVALUATION_SEED

ALL_SEEN = "none"
HIDDEN = {ALL_SEEN: None, **HIDDEN_BLOCKS}
EVALUATION_BATCH = 128  # images of a memory-mapped split evaluated at a time
DECIMALS = 4  # of the scores of each image in a record


def check_hidden(hidden: str, decoder: str) -> None:
    """Checks that a decoder fits images with hidden pixels.

    Args:
        hidden: one of `HIDDEN`.
        decoder: name of the decoder.

    Raises:
        ValueError: if pixels are hidden, and the decoder reads them.
    """
    if hidden != ALL_SEEN and decoder == "pixelcnn":
        raise ValueError(
            f"Hidden pixels need a decoder of z alone, such as 'conv'. Received: {decoder!r}, which reads the pixels, "
            f"and `hidden` {hidden!r}."
        )


class ObservedImages:
    """Splits of images, with the pixels that are seen.

    The hidden pixels of an image are the same in every epoch and for every seed of a run.

    Args:
        splits: images, as `data.ImageSplits`.
        binarization: one of `data.BINARIZATIONS`.
        hidden: one of `HIDDEN`.
    """

    def __init__(self, splits: data.ImageSplits, *, binarization: str, hidden: str = ALL_SEEN):
        self.splits, self.binarization = splits, binarization
        self.seen: dict[str, np.ndarray | None] = dict.fromkeys(splits._fields)
        if hidden != ALL_SEEN:
            for index, (split, images) in enumerate(splits._asdict().items()):
                seed = EVALUATION_SEED + index
                self.seen[split] = data.seen_pixels(hidden, len(images), images.shape[1:], seed=seed)

    def batches(self, batch_size: int, *, seed: int, first_epoch: int):
        """Returns the training batches, see `data.training_dataset`."""
        return data.training_dataset(
            self.splits.train,
            batch_size=batch_size,
            binarization=self.binarization,
            seed=seed,
            first_epoch=first_epoch,
            seen=self.seen["train"],
        )

    def held_out(self, split: str, batch_size: int, count: int | None = None):
        """Returns batches of the first images of a split, see `data.held_out_dataset`."""
        images, seen = self._first(split, count)
        options = {"batch_size": batch_size, "binarization": self.binarization, "seed": EVALUATION_SEED}
        return data.held_out_dataset(images, **options, seen=seen)

    def array(self, split: str, count: int | None = None, *, complete: bool = False) -> np.ndarray:
        """Returns the first images of a split as observations in memory.

        Args:
            split: "train", "validation" or "test".
            count: number of images; None is all.
            complete: whether hidden pixels have their values instead of NaN.
        """
        images, seen = self._first(split, count)
        x = data.evaluation_array(images, self.binarization, EVALUATION_SEED)
        return x if complete or seen is None else data.hide(x, seen)

    def evaluated(self, split: str, count: int | None = None):
        """Returns observations in memory, or a data set of memory-mapped images."""
        if isinstance(getattr(self.splits, split), np.memmap):
            return self.held_out(split, EVALUATION_BATCH, count)
        return self.array(split, count)

    def _first(self, split: str, count: int | None):
        seen = self.seen[split]
        return getattr(self.splits, split)[:count], None if seen is None else seen[:count]


def imputation_metrics(model, x, complete, importance_samples: int) -> dict:
    """Returns the scores of imputations of hidden pixels, in nats an image.

    They are means, their standard errors over images, and the scores of each image.

    Args:
        model: trained `VAE` of images with hidden pixels.
        x: images, NaN where a pixel is hidden. Shape [N, H, W, C].
        complete: images with all pixels. Shape [N, H, W, C].
        importance_samples: number of draws from Q for each image, over all components.
    """
    scores = imputation_scores(
        model, x, complete, importance_samples=importance_samples, seed=EVALUATION_SEED
    )._asdict()
    metrics: dict = {"hidden_pixels": float(np.isnan(x).sum() / len(x))}
    for name, values in scores.items():
        metrics[name], metrics[f"{name}_standard_error"] = estimate(values)
    of_each = {name: [round(float(value), DECIMALS) for value in values] for name, values in scores.items()}
    return {**metrics, "of_each": of_each}
