"""Fields of studies of inference on frozen decoders."""

import dataclasses
import pathlib
from typing import Any, ClassVar, Self

from rme_tf.core.files import check_writable
from rme_tf.core.registry import lookup
from rme_tf.core.validation import check_count, check_counts, check_number, optional
from rme_tf.data import DATASETS
from rme_tf.experiments.reports.study_files import SUFFIX

PLACES = ("data_dir", "out", "record", "smoke")  # fields on which no result depends


@dataclasses.dataclass(frozen=True, kw_only=True)
class InferenceFields:
    """Data, training and evaluation of inference on frozen decoders.

    Args:
        dataset: name of a data set of images.
        data_dir: folder of the data sets; None for the environment's.
        train_size: number of training images, the first ones; None for all.
        decoder_steps: training steps of a decoder, with an encoder of its own.
        steps: training steps of an inference; the learning rate falls to zero along a cosine.
        batch_size: number of observations in a batch.
        learning_rate: learning rate of Adam in the first step.
        observed: number of observations of each split that are evaluated, the first ones.
        samples: draws from Q for the ELBO of an observation.
        grid: points on a side of the grids over two latent dimensions.
        temperatures: temperatures of annealed importance sampling, for more than two latent dimensions.
        chains: chains of annealed importance sampling for each observation.
        search_steps: steps in a round of the search for the best posterior of an observation.
        seeds: number of trainings of each method. The decoder is the same for all.
        out: folder of trained models and results, from which the same command resumes. Studies share trained models.
        record: file of all results (.jsonl); None for no file.
        smoke: whether the study is one of seconds, of the first and the last method on the first decoder.

    Raises:
        ValueError: if a number is out of range, the data set is unknown, or the record cannot be written.
    """

    SMOKE: ClassVar[dict[str, Any]] = {
        "train_size": 32,
        "decoder_steps": 2,
        "steps": 2,
        "batch_size": 16,
        "observed": 2,
        "samples": 20,
        "grid": 20,
        "temperatures": 2,
        "chains": 2,
        "search_steps": 2,
        "seeds": 1,
    }

    dataset: str = "digits"
    data_dir: str | None = None
    train_size: int | None = None
    decoder_steps: int = 4000
    steps: int = 2000
    batch_size: int = 64
    learning_rate: float = 2e-3
    observed: int = 40
    samples: int = 1000
    grid: int = 80
    temperatures: int = 300
    chains: int = 16
    search_steps: int = 200
    seeds: int = 3
    out: str = "runs/inference"
    record: str | None = None
    smoke: bool = False

    def __post_init__(self):
        lookup(DATASETS, self.dataset, "data set")
        names = ("decoder_steps", "steps", "batch_size", "observed", "temperatures", "chains", "search_steps", "seeds")
        check_counts(**{name: getattr(self, name) for name in names})
        optional(check_count, "train_size", self.train_size)
        check_count("samples", self.samples, 2)
        check_count("grid", self.grid, 10)
        check_number("learning_rate", self.learning_rate, above=0.0)
        if self.record is not None and pathlib.Path(self.record).suffix != SUFFIX:
            raise ValueError(f"`record` must end in {SUFFIX}. Received: {self.record}.")
        check_writable(self.out, "out")

    def resolved(self) -> Self:
        """Returns the fields of the study, with small sizes if `smoke`."""
        return dataclasses.replace(self, **self.SMOKE) if self.smoke else self

    @property
    def settings(self) -> dict[str, Any]:
        """Fields that all results have in common."""
        names = [field.name for field in dataclasses.fields(InferenceFields) if field.name not in (*PLACES, "seeds")]
        return {name: getattr(self, name) for name in names}
