"""Recipes of sentences."""

import dataclasses
import hashlib
import importlib.util
import itertools
import os
import pathlib
from collections.abc import Mapping
from typing import Any, ClassVar

from rme_tf.core.validation import check_count
from rme_tf.data import RowLabels, text
from rme_tf.data.text.corpus import MOST_HELD_OUT
from rme_tf.evaluation.collapse import collapse_report
from rme_tf.evaluation.units import perplexity
from rme_tf.experiments.parts.part import Part
from rme_tf.experiments.parts.slots import Slot
from rme_tf.experiments.recipes import sentence_samples
from rme_tf.experiments.recipes.base import EVALUATION_SEED, Recipe
from rme_tf.experiments.recipes.factories import draw_uniformly
from rme_tf.experiments.recipes.monitors import monitors
from rme_tf.experiments.recipes.places import decoder_place, encoder_place, likelihood_place
from rme_tf.experiments.recipes.probe import PROBED, ProbeFields, probe_metrics
from rme_tf.experiments.recipes.task import Task
from rme_tf.experiments.recipes.tokenizers import TokenizerFields, keep_tokenizer, make_tokenizer, tokenizer_of_run
from rme_tf.likelihoods import LIKELIHOODS
from rme_tf.networks import DECODERS, ENCODERS
from rme_tf.posteriors import DiagNormal

EMBEDDED = "docs"
EVALUATION_BATCH = 64  # rows of similar length
MONITORED = 500  # validation sentences diagnosed after each epoch
TRAIN_EVALUATION_SIZE = 200  # training sentences whose bounds are reported in addition to the test set's


@dataclasses.dataclass(frozen=True, kw_only=True)
class TextRecipe(Recipe, TokenizerFields, ProbeFields):
    """A training run on sentences, one a line.

    The fields of its tokenizer are listed in `TokenizerFields`.

    Args:
        corpus: folder with train.txt, validation.txt and test.txt; one file; or "docs", prose that comes with Python.
        held_out: percent of the lines of one file that are for validation, and as many for the test.
        train: file of training sentences, in place of the folder's; None for the corpus.
        validation: file of validation sentences; None for the corpus.
        test: file of test sentences; None for the corpus.
        tfds: name of a text data set of TensorFlow Datasets, in place of the corpus; None for the corpus.
        field: name of the text in that data set's examples.
        label_field: name of a label in that data set's examples, for plots; None for no labels.
        labeled: whether each line of the files is a label, a tab and a sentence; labels are for plots only.
        max_length: largest number of tokens of a sentence, EOS included; longer sentences are truncated.
        weight_range: limit of initial weights and biases, drawn from U(-weight_range, weight_range), also after a
            reset of the decoder; None for Keras's initializers.
        embedding_range: range of the initial embeddings; None for `weight_range`.
        language_model: whether the model is the LSTM language model of the decoder, without latent codes.
        diagnosed: number of test sentences for the report on collapse, the aggregate posterior's N.
    """

    PARTS: ClassVar[Mapping[str, Slot]] = {
        **Recipe.PARTS,
        "encoder": encoder_place({"lstm": ENCODERS["lstm"]}),
        "decoder": decoder_place({"lstm": DECODERS["lstm"]}),
        "likelihood": likelihood_place(
            {"categorical_sequence": LIKELIHOODS["categorical_sequence"]},
            {"event_shape": (None,), "vocabulary_size": 8},
        ),
    }
    PATHS: ClassVar[tuple[str, ...]] = ("corpus", "train", "validation", "test", "tokenizer")
    REPLACED: ClassVar[Mapping[str, tuple[str, ...]]] = {"corpus": ("train", "tfds")}

    corpus: str = EMBEDDED
    held_out: int = 5
    train: str | None = None
    validation: str | None = None
    test: str | None = None
    tfds: str | None = None
    field: str = "text"
    label_field: str | None = None
    labeled: bool = False
    max_length: int = 50
    weight_range: float | None = None
    embedding_range: float | None = None
    language_model: bool = False
    diagnosed: int = 1000
    encoder: Part = Part("lstm", units=128, embedding_size=128)
    decoder: Part = Part("lstm", units=128, embedding_size=128)
    likelihood: Part = Part("categorical_sequence")
    latent_dim: int = 16
    components: int = 3
    epochs: int = 10
    batch_size: int = 32
    algorithm: Part = Part(warm_start_epochs=1)
    importance_samples: int = 500
    out: str = "runs/text"

    def __post_init__(self):
        super().__post_init__()
        self.check_at_least(2, "diagnosed", "max_length")
        check_count("held_out", self.held_out, most=MOST_HELD_OUT)
        self.check_tokenizer()
        self.check_positive("weight_range", "embedding_range")
        if self.later_width != 1.0:
            raise ValueError(f"`later_width` is for images: LSTMs are all of one width. Received: {self.later_width}.")
        if self.embedding_range is not None and self.weight_range is None:
            raise ValueError(f"`embedding_range` needs a `weight_range`. Received: {self.embedding_range}.")
        if self.language_model and self.probe:
            raise ValueError("A language model has no codes to probe. Expected: `probe` False. Received: True.")
        if self.language_model and (self.components, self.algorithm.name) != (1, "elbo"):
            raise ValueError(
                "A language model has no posterior to mix. Expected: 1 component and the algorithm 'elbo'. "
                f"Received: {self.components} and {self.algorithm.name!r}."
            )
        if any(self._files) != all(self._files):
            raise ValueError(f"Expected `train`, `validation` and `test`, or none of them. Received: {self._files}.")
        if self.labeled and (self.tfds is not None or self.is_embedded):
            raise ValueError(
                "`labeled` is for files of lines: a `corpus` of yours, or `train`, `validation` and `test`."
            )
        if self.label_field is not None and self.tfds is None:
            raise ValueError(f"`label_field` needs a data set, `tfds`. Received: {self.label_field!r} without one.")

    @property
    def model_name(self) -> str:
        """Name of the model in tables, "LM" for a language model."""
        return "LM" if self.language_model else super().model_name

    @property
    def _files(self) -> tuple[str | None, ...]:
        return self.train, self.validation, self.test

    @property
    def is_embedded(self) -> bool:
        """Whether the corpus is Python's documentation."""
        return self.tfds is None and not any(self._files) and self.corpus == EMBEDDED

    def read(self) -> text.TextSplits:
        """Returns the lines of the three splits.

        Raises:
            ValueError: if the corpus is unavailable.
        """
        if self.tfds is not None:
            options = {"label": self.label_field, "data_dir": self.data_dir, "download": self.download}
            return text.read_tfds(self.tfds, self.field, **options)
        if all(self._files):
            return text.read_files(*self._files, labeled=self.labeled)
        if self.is_embedded:
            return text.load_docs()
        is_file = os.path.isfile(self.corpus)  # pathlib's raises OSError for a very long name
        if is_file:
            return text.read_file(self.corpus, labeled=self.labeled, held_out=self.held_out)
        return text.read_folder(self.corpus, labeled=self.labeled)

    def read_splits(self) -> text.TextSplits:
        """Returns splits that are large enough for the report on collapse.

        With `smoke`, training sentences replace a split that is too small.

        Raises:
            ValueError: if the corpus is unavailable, or a split is too small.
        """
        lines = self.read()
        small = [name for name in ("validation", "test") if len(list(itertools.islice(getattr(lines, name), 2))) < 2]
        if small and not self.smoke:
            raise ValueError(f"Expected two sentences at least to diagnose. Received: one, in the split {small[0]!r}.")
        return lines._replace(**dict.fromkeys(small, lines.train) if self.smoke else {})

    def make_tokenizer(self, lines) -> text.Tokenizer:
        """Returns the tokenizer, see `tokenizers.make_tokenizer`."""
        return make_tokenizer(self, lines)

    def derived(self) -> dict[str, Any]:
        """Returns defaults of options that depend on other fields.

        They are the features of the logits, the length of pseudo-inputs, and LSTMs with second derivatives for SA.
        """
        options = self.decoder.options
        tied = self.likelihood.options.get("tied", False)
        width = options.get("embedding_size" if tied else "units", 256)
        defaults: dict[str, Any] = {**super().derived(), "likelihood.features": width, "prior.length": self.max_length}
        return {**defaults, "decoder.use_cudnn": False} if self.refinement.name == "sa" else defaults

    def model_options(self, vocabulary_size: int) -> dict[str, Any]:
        """Returns arguments of `VAE.from_names` that depend on the data.

        A language model has a constant posterior.
        """
        options: dict[str, Any] = {"input_shape": (None,), "likelihood_options": {"vocabulary_size": vocabulary_size}}
        if self.language_model:
            options["encoder"], options["posterior"] = "constant", DiagNormal(self.latent_dim, initial_scale=1.0)
            options["decoder_options"] = {"use_latent": False}
        return options

    def initialize(self, parts: list, seed: int) -> None:
        """Draws the weights within the recipe's ranges, if set, or by name."""
        super().initialize(parts, seed)
        if self.weight_range is not None:
            draw_uniformly(parts, self.weight_range, self.embedding_range or self.weight_range, seed)

    def load(self) -> Task:
        """Returns the task of the run.

        Raises:
            ValueError: if the corpus is unavailable, or the tokenizer refuses an option.
        """
        lines = self.read_splits()
        saved = None if self.overwrite else pathlib.Path(self.out)
        tokenizer = tokenizer_of_run(self, lines.train, saved)  # of the whole split, also if only a part is trained on
        sizes = {"train": self.train_size, "validation": self.test_size, "test": self.test_size}
        cut = {name: getattr(lines, name).first(size) for name, size in sizes.items() if size is not None}
        return _task(self, lines._replace(**cut), tokenizer)


def _task(recipe: TextRecipe, lines: text.TextSplits, tokenizer: text.Tokenizer) -> Task:
    """Returns the task of tokenized splits."""
    tokens = {name: _tokens(recipe, getattr(lines, name), tokenizer, name) for name in lines._fields}
    sample = text.tokenize(lines.train.first(TRAIN_EVALUATION_SIZE), tokenizer, max_length=recipe.max_length)
    evaluated = {"test": tokens["test"], "train": sample}
    print("\n".join(f"{name}: {_summary(split.report)}" for name, split in tokens.items()))
    monitored = text.sample_rows(tokens["validation"], MONITORED, EVALUATION_SEED)
    chosen = text.sample_order(tokens["test"], recipe.diagnosed, EVALUATION_SEED)
    diagnosed, labels = tokens["test"].rows(chosen), lines.labels
    recipe.check_probe(labels)
    batch_size = recipe.batch_of(len(tokens["train"]))

    def callbacks(history):
        """Returns the monitor and the callbacks that depend on it."""
        return [] if recipe.language_model else monitors(recipe, monitored, history)

    def metrics(model, split, bounds):
        """Returns perplexities, and the report on collapse for the test set."""
        counts = {"token": evaluated[split].num_tokens, "word": evaluated[split].num_words}
        values: dict[str, Any] = {
            f"perplexity_per_{unit}": perplexity(bounds.log_likelihood, n) for unit, n in counts.items()
        }
        if split == "test":
            values["collapse"] = collapse_report(model, diagnosed, seed=EVALUATION_SEED).as_dict()
            if recipe.probe and labels is not None:
                rows = [split.rows(range(min(PROBED, len(split)))) for split in tokens.values()]
                values.update(probe_metrics(model, rows, labels))
        return values

    return Task(
        model_options=recipe.model_options(tokenizer.vocabulary_size),
        steps_per_epoch=text.steps_per_epoch(tokens["train"], batch_size),
        batches=lambda epoch: text.training_dataset(
            tokens["train"], batch_size=batch_size, seed=recipe.seed, first_epoch=epoch
        ),
        validation=text.evaluation_dataset(tokens["validation"], EVALUATION_BATCH)[0],
        evaluations={name: text.evaluation_dataset(split, EVALUATION_BATCH)[0] for name, split in evaluated.items()},
        example=diagnosed,
        callbacks=callbacks,
        metrics=metrics,
        facts={
            "vocabulary_size": tokenizer.vocabulary_size,
            **{name: tokens[name].report for name in lines._fields},
        },
        export_options={
            "tokenizer": tokenizer,
            "max_length": recipe.max_length,
            "strings": importlib.util.find_spec("tensorflow_text") is not None,
        },
        keep=lambda out: keep_tokenizer(tokenizer, out),
        show=sentence_samples.show,
        describe=tokenizer.decode,
        labels=None if labels is None else RowLabels(labels.test[chosen], labels.names),
    )


def _tokens(recipe: TextRecipe, lines: text.Lines, tokenizer: text.Tokenizer, split: str) -> text.Tokens:
    """Returns the tokens of a split; tokens of a corpus on disk are stored in `data_dir`."""
    folder = None
    cut = recipe.train_size if split == "train" else recipe.test_size
    if recipe.data_dir is not None and cut is None and not recipe.is_embedded:
        digest = hashlib.sha256(tokenizer.model).hexdigest()[:12]
        folder = pathlib.Path(recipe.data_dir) / "tokens" / f"{digest}-{recipe.max_length}" / split
    return text.tokenize(lines, tokenizer, max_length=recipe.max_length, directory=folder)


def _summary(report: dict[str, Any]) -> str:
    """Returns a description of a split."""
    return (
        f"{text.Report(**report['lines'])} {report['num_tokens']:,} tokens, {report['unknown_rate']:.2%} of them "
        f"unknown, {report['character_coverage']:.2%} of the characters known, {report['longest']} in the longest "
        f"row, {report['truncated_share']:.2%} of the rows cut short."
    )
