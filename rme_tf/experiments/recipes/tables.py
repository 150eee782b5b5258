"""Recipes of tables."""

import dataclasses
import functools
import pathlib
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np

from rme_tf.data import Labels, evaluation_dataset
from rme_tf.data.labels import named
from rme_tf.data.tables import (
    EMBEDDED,
    TableData,
    TableEncoding,
    TableSplits,
    encode_table,
    load_embedded,
    read_table,
    training_dataset,
)
from rme_tf.evaluation.collapse import collapse_report
from rme_tf.experiments.parts.part import Part
from rme_tf.experiments.parts.slots import Slot
from rme_tf.experiments.recipes import table_files
from rme_tf.experiments.recipes.base import EVALUATION_SEED, Recipe
from rme_tf.experiments.recipes.hidden_cells import imputation_errors
from rme_tf.experiments.recipes.monitors import monitors
from rme_tf.experiments.recipes.places import decoder_place, encoder_place, likelihood_place
from rme_tf.experiments.recipes.probe import PROBED, ProbeFields, probe_metrics
from rme_tf.experiments.recipes.task import Task
from rme_tf.likelihoods import LIKELIHOODS
from rme_tf.networks import DECODERS, ENCODERS

EMBEDDED_LABEL = "class"
EVALUATION_BATCH = 256
MOST_CLASSES = 50  # of a label in figures and probes; a label of more values is no class
MONITORED = 500  # validation rows diagnosed after each epoch
TRAIN_EVALUATION_SIZE = 1000  # training rows whose bounds are reported in addition to the test set's
NETWORKS = ("conv1d", "mlp")  # of columns that are the steps of a signal, and of any columns
OF_KINDS = {  # fields with the names of columns, by their kind
    "binary": "binary_columns",
    "category": "category_columns",
    "count": "count_columns",
    "ignored": "ignored_columns",
    "real": "real_columns",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class TableRecipe(Recipe, ProbeFields):
    """A training run on the rows of a table.

    Args:
        table: name of a table, if there is no `path`: "breast_cancer", "iris" or "wine" of scikit-learn, or
            "waveform", drawn signals.
        path: CSV or Parquet file; None for the table of scikit-learn.
        delimiter: text between two cells of a CSV file; None for the one that its header has most of.
        missing_texts: texts of missing cells, in addition to an empty cell, "NA", "NaN" and similar words.
        label: column that is kept apart; None for no label, or the class of a named table.
        split: column with the values "train", "validation" and "test"; None for a random split.
        validation_share: share of the validation rows of a random split.
        test_share: share of the test rows of a random split.
        real_columns: columns of real numbers. The kinds of columns that no field names are inferred.
        count_columns: columns of counts.
        binary_columns: columns of two levels.
        category_columns: columns of several levels.
        ignored_columns: columns that are left out, such as ids.
        unknown: "missing" or "error", for levels in validation and test rows that no training row has.
        missing: whether cells may be missing; None for whether the table has a missing cell.
        draws: number of imputations of each missing cell.
        diagnosed: number of test rows for the report on collapse; None for no report, and no monitor in training.
    """

    PARTS: ClassVar[Mapping[str, Slot]] = {
        **Recipe.PARTS,
        "encoder": encoder_place({name: ENCODERS[name] for name in NETWORKS}),
        "decoder": decoder_place({name: DECODERS[name] for name in NETWORKS}),
        "likelihood": likelihood_place(
            {"columns": LIKELIHOODS["columns"]}, {"event_shape": (4,), "kinds": (("real", 1),) * 4}
        ),
    }
    TABLES: ClassVar[Mapping[str, Mapping]] = {"table": EMBEDDED}
    PATHS: ClassVar[tuple[str, ...]] = ("path",)
    REPLACED: ClassVar[Mapping[str, tuple[str, ...]]] = {"table": ("path",)}

    table: str = "breast_cancer"
    path: str | None = None
    delimiter: str | None = None
    missing_texts: tuple[str, ...] = ("?",)
    label: str | None = None
    split: str | None = None
    validation_share: float = 0.1
    test_share: float = 0.1
    real_columns: tuple[str, ...] = ()
    count_columns: tuple[str, ...] = ()
    binary_columns: tuple[str, ...] = ()
    category_columns: tuple[str, ...] = ()
    ignored_columns: tuple[str, ...] = ()
    unknown: Literal["missing", "error"] = "missing"
    missing: bool | None = None
    draws: int = 5
    diagnosed: int | None = 1000
    encoder: Part = Part("mlp", units=(64, 64))
    decoder: Part = Part("mlp", units=(64, 64))
    likelihood: Part = Part("columns")
    latent_dim: int = 5
    components: int = 5
    epochs: int = 200
    batch_size: int = 32
    importance_samples: int = 1000
    out: str = "runs/table_data"

    def __post_init__(self):
        super().__post_init__()
        self.check_at_least(1, "draws")
        self.check_at_least(2, "diagnosed")
        self.check_positive("validation_share", "test_share")
        kinds = [name for field in OF_KINDS.values() for name in getattr(self, field)]
        twice = sorted({name for name in kinds if kinds.count(name) > 1})
        if twice:
            raise ValueError(f"Expected one kind for each column. Received: several for {twice}.")

    @property
    def kinds(self) -> dict[str, str]:
        """Chosen kinds of columns, by name."""
        return {name: kind for kind, field in OF_KINDS.items() for name in getattr(self, field)}

    def read(self) -> TableData:
        """Returns the encoded table.

        Raises:
            ValueError: if the file, the table or a column is refused.
        """
        if self.path is None:
            frame = load_embedded(self.table)
        else:
            frame = read_table(self.path, missing=self.missing_texts, delimiter=self.delimiter)
        data = encode_table(
            frame,
            kinds=self.kinds,
            label=EMBEDDED_LABEL if self.path is None and self.label is None else self.label,
            split=self.split,
            validation=self.validation_share,
            test=self.test_share,
            unknown=self.unknown,
        )
        print(table_files.description(data))
        if self.missing is False and data.has_missing:
            raise ValueError(
                f"The table has missing cells: {table_files.holes(data)}. Leave out `missing`, or fill them."
            )
        return data

    def load(self) -> Task:
        """Returns the task of the run.

        Raises:
            ValueError: if the table is refused, see `read`.
        """
        data = self.read()
        x = _first(data.arrays, self.train_size, self.test_size)
        labels = label_names(data, x)
        self.check_probe(labels)
        batch_size = self.batch_of(len(x.train))
        example = x.test if self.diagnosed is None else x.test[: self.diagnosed]

        def callbacks(history):
            """Returns the monitor and the callbacks that depend on it."""
            return [] if self.diagnosed is None else monitors(self, x.validation[:MONITORED], history)

        def metrics(model, split, bounds):
            """Returns log p(x) in the original units, and the report on collapse for the test set."""
            evaluated = x.test if split == "test" else x.train[:TRAIN_EVALUATION_SIZE]
            seen = np.where(np.isnan(evaluated), 0.0, data.encoding.log_scales).sum(axis=-1)
            values: dict[str, Any] = {"log_likelihood_in_units": float(np.mean(bounds.log_likelihood - seen))}
            if split == "test" and model.likelihood.missing:
                options = {"importance_samples": self.importance_samples, "seed": EVALUATION_SEED}
                values["imputation"] = imputation_errors(model, data.encoding, x.train, x.test, **options)
            if split == "test" and self.diagnosed is not None:
                values["collapse"] = collapse_report(model, example, seed=EVALUATION_SEED).as_dict()
            if split == "test" and self.probe and labels is not None:
                values |= probe_metrics(model, [rows[:PROBED] for rows in x], labels)
            return values

        return Task(
            model_options=self.model_options(data),
            steps_per_epoch=-(-len(x.train) // batch_size),
            batches=lambda epoch: training_dataset(x.train, batch_size=batch_size, seed=self.seed, first_epoch=epoch),
            validation=evaluation_dataset(x.validation, EVALUATION_BATCH),
            evaluations={"test": x.test, "train": x.train[:TRAIN_EVALUATION_SIZE]},
            example=example,
            callbacks=callbacks,
            metrics=metrics,
            facts=data.facts,
            export_options={},
            keep=lambda out: keep_encoding(data.encoding, out),
            show=functools.partial(table_files.show, data=data),
            describe=functools.partial(table_files.row_texts, data.encoding),
            labels=None if labels is None else labels.first({"test": len(example)}).of("test"),
        )

    def model_options(self, data: TableData) -> dict[str, Any]:
        """Returns arguments of `VAE.from_names` that depend on the data."""
        missing = data.has_missing if self.missing is None else self.missing
        # A mask after the last step would be more steps of the signal.
        filled = {"missing_options": {"mask": False}} if missing and self.encoder.name == "conv1d" else {}
        return {
            "input_shape": (data.encoding.width,),
            "likelihood_options": {"kinds": data.encoding.kinds},
            "missing": missing,
            **filled,
        }


def _first(arrays: TableSplits, train_size: int | None, test_size: int | None) -> TableSplits:
    """Returns the first rows of each split."""
    return TableSplits(arrays.train[:train_size], arrays.validation[:test_size], arrays.test[:test_size])


def label_names(data: TableData, x: TableSplits) -> Labels | None:
    """Returns the labels of the first rows, or None without classes.

    Args:
        data: table with or without a label column.
        x: observations of the first rows of each split.
    """
    if data.labels is None:
        return None
    parts = [
        [None if absent else str(cell) for cell, absent in zip(column, column.isna(), strict=True)][: len(rows)]
        for column, rows in zip(data.labels, x, strict=True)
    ]
    few = len({name for part in parts for name in part}) <= MOST_CLASSES
    return named(parts) if few else None


def keep_encoding(encoding: TableEncoding, out: pathlib.Path) -> None:
    """Saves the encoding of a run, or checks the saved one.

    Args:
        encoding: encoding of the run's table.
        out: directory of the run.

    Raises:
        ValueError: if the directory has another encoding, whose entries stand for other cells.
    """
    path = out / table_files.ENCODING
    if path.exists() and TableEncoding.load(path) != encoding:
        raise ValueError(f"The table gives another encoding than {path}. Choose another `out`, or pass `overwrite`.")
    encoding.save(path)
