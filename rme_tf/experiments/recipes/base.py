"""The recipe of a training run: data, model, algorithm, schedule and evaluation.

`ImageRecipe` and `TextRecipe` add the fields of their data. Choices in the library's tables are `Part`s: a name, and
options of the class that the name stands for, which has their defaults and checks.
"""

import dataclasses
import pathlib
from collections.abc import Mapping
from typing import Any, ClassVar

from rme_tf.core.registry import lookup
from rme_tf.core.validation import check_choice, check_count, check_number, optional
from rme_tf.experiments.parts.fields import default_part, differing, with_fields
from rme_tf.experiments.parts.part import Part
from rme_tf.experiments.parts.slots import Slot
from rme_tf.experiments.recipes.field_checks import check_fields
from rme_tf.experiments.recipes.flat_form import FLAT, nested
from rme_tf.experiments.recipes.initial_weights import draw_by_name
from rme_tf.experiments.recipes.origin_fields import OriginFields
from rme_tf.experiments.recipes.part_checks import check_options, check_parts
from rme_tf.experiments.recipes.places import PLACES
from rme_tf.experiments.recipes.schedule_fields import ScheduleFields
from rme_tf.experiments.recipes.task import Task
from rme_tf.experiments.recipes.trackers import TRACKERS

EVALUATION_SEED = 2020  # of binarized images and of importance samples, independent of the run's own seed
POLICIES = ("float32", "float64", "float16", "bfloat16", "mixed_float16", "mixed_bfloat16")
SMOKE_STEPS = 7  # of training, within its second epoch
NEVER_LESS = {
    0: ("seed",),
    1: (
        *("components", "latent_dim", "epochs", "batch_size", "importance_samples", "train_size", "test_size"),
        *("patience", "steps_per_execution", "reset_decoder_epoch", "max_halvings", "more_importance_samples"),
        "train_steps",
    ),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe(ScheduleFields, OriginFields):
    """One training run, from the data to the report.

    `ScheduleFields` has the fields of the schedule, `OriginFields` the origin of the values.

    Args:
        data_dir: directory of data sets, downloaded or prepared; None for the default of TensorFlow Datasets.
        download: whether a data set that is not in `data_dir` is fetched.
        train_size: number of training observations, the first ones; None for all.
        test_size: number of test observations, the first ones, at most; None for all.
        encoder: network of each component.
        trunk: network that the components share: "shared" for all but the last layer; "amortised", "conditioned" or
            "recurrent" for one network of all components; None for networks apart.
        later_width: size of the hidden layers of the encoders after the first, relative to the first; images only.
        decoder: network of p(x|z).
        likelihood: likelihood p(x|z).
        posterior: family of each component.
        prior: prior p(z).
        latent_dim: number of latent dimensions D.
        components: number of components M of the posterior; 1 is the plain VAE.
        refinement: steps up the ELBO of each observation from the encoders' outputs; None for none.
        mixing: weights of the components.
        algorithm: training algorithm. Its warm start is as long for every algorithm by default, so that mixtures
            start alike; one component has none.
        optimizer: optimizer of Keras.
        seed: seed of all randomness.
        weights_by_name: whether the initial weights of a network depend on the seed and its name alone, so that models
            that differ in other parts start alike.
        policy: Keras dtype policy, "float32" or "mixed_float16" for instance.
        jit_compile: whether XLA compiles the training step.
        steps_per_execution: training steps after which control returns to Python, as in Keras; None for a choice by
            time. The results do not depend on it.
        importance_samples: samples of the reported log-likelihood, over all components.
        more_importance_samples: samples of a second log-likelihood, of the test set only; None for no second one.
        loggers: trackers that get the curves, samples and fields: "tensorboard" (in `out`/tensorboard), "mlflow",
            "wandb".
        tensorboard: whether "tensorboard" is one of the loggers.
        out: directory of the run; a run that is there is resumed.
        overwrite: whether the run in `out` is deleted first; refused where the directory holds anything else.
        smoke: whether the run is one of seconds, on at most a few hundred observations.

    To be implemented by subclasses:
        * `load()`: the `Task`.
        * `initialize(parts, seed)`, for weights that Keras's initializers do not give.
        * `derived()`: options that other fields decide where they are not set.
        * `PARTS`, `TABLES`, `PATHS`, `SMOKE`: places for choices, tables of names without options, fields that are
          paths, and fields of a run of seconds. `REPLACED` has fields that others replace.
    """

    PARTS: ClassVar[Mapping[str, Slot]] = PLACES
    TABLES: ClassVar[Mapping[str, Mapping]] = {}
    ALIASES: ClassVar[Mapping[str, tuple[str, ...]]] = FLAT
    SEVERAL: ClassVar[bool] = False  # whether a command line may set options of choices that methods make later
    SMOKE: ClassVar[dict[str, Any]] = {"train_size": 512, "test_size": 64, "epochs": 2, "importance_samples": 64}
    # Fields that do not identify a run.
    ELSEWHERE: ClassVar[tuple[str, ...]] = (
        *("out", "overwrite", "data_dir", "download"),
        *("loggers", "tensorboard", "steps_per_execution", "strategy"),
        *("made_from", "by_size"),
    )
    # Path fields: only the file name identifies a run, so data may be moved.
    PATHS: ClassVar[tuple[str, ...]] = ()
    REPLACED: ClassVar[Mapping[str, tuple[str, ...]]] = {}

    data_dir: str | None = "data"
    download: bool = True
    train_size: int | None = None
    test_size: int | None = None
    encoder: Part = Part("conv")
    trunk: Part = Part(None)
    later_width: float = 1.0
    decoder: Part = Part("conv")
    likelihood: Part = Part("bernoulli")
    posterior: Part = Part("diag_normal")
    prior: Part = Part("standard_normal")
    latent_dim: int = 20
    components: int = 5
    refinement: Part = Part(None, steps=8)
    mixing: Part = Part("uniform")
    algorithm: Part = Part("recursive_mixture", warm_start_epochs=3, kl_weight=Part(None, steps=1000))
    optimizer: Part = Part("adam", learning_rate=1e-3)
    seed: int = 0
    weights_by_name: bool = False
    policy: str = "float32"
    jit_compile: bool = False
    steps_per_execution: int | None = None
    importance_samples: int = 5000
    more_importance_samples: int | None = None
    loggers: tuple[str, ...] = ()
    tensorboard: bool = False
    out: str = "runs/run"
    overwrite: bool = False
    smoke: bool = False

    def __post_init__(self):
        check_fields(self, without=self.PARTS)
        self._complete_parts()
        for name, table in self.TABLES.items():
            lookup(table, getattr(self, name), name.replace("dataset", "data set"))
        for least, names in NEVER_LESS.items():
            self.check_at_least(least, *names)
        check_choice("policy", self.policy, POLICIES)
        for name in self.loggers:
            check_choice("loggers", name, tuple(TRACKERS))
        self.check_positive("later_width", "train_minutes")
        self.check_schedule()
        parts = {name: self.choice(name) for name in self.PARTS}
        check_parts(self.PARTS, parts, self.latent_dim, self.components)

    def _complete_parts(self) -> None:
        """Makes parts of names and mappings, in one form for equal choices."""
        defaults = {name: default_part(type(self), name) for name in self.PARTS}
        for name, slot in self.PARTS.items():
            value = getattr(self, name)
            is_default = value is getattr(type(self), name)
            part = defaults[name] if is_default else slot.part(value, defaults[name], any_choice=self.SEVERAL)
            check_options(name, slot, part)
            object.__setattr__(self, name, part)
        derived: dict[str, dict[str, Any]] = {name: {} for name in self.PARTS}
        for dotted, value in self.derived().items():
            name, _, option = dotted.partition(".")
            derived[name][option.rpartition(".")[2]] = value
        for name, slot in self.PARTS.items():
            object.__setattr__(self, name, slot.normal(getattr(self, name), defaults[name], derived[name]))

    def check_at_least(self, least: int, *names: str) -> None:
        """Checks that named fields are None or at least `least`."""
        for name in names:
            optional(check_count, name, getattr(self, name), least)

    def check_positive(self, *names: str) -> None:
        """Raises ValueError if a named field is not positive and finite."""
        for name in names:
            optional(check_number, name, getattr(self, name), above=0.0)

    def load(self) -> Task:
        """Returns the data's side of the run.

        Raises:
            ValueError: if the data are unavailable, or do not suffice for the recipe.
        """
        raise NotImplementedError

    def initialize(self, parts: list, seed: int) -> None:
        """Draws weights of new networks and likelihoods, with `weights_by_name` only."""
        if self.weights_by_name:
            draw_by_name(parts, seed)

    def initialise(self, parts: list, seed: int) -> None:
        """Draws weights: earlier name of `initialize`."""
        self.initialize(parts, seed)

    def derived(self) -> dict[str, Any]:
        """Returns defaults of options that depend on other fields, by dotted name.

        None stands for a value that also depends on the data.
        """
        return {} if self.reset_decoder_epoch is None else {"algorithm.kl_weight.delay": None}

    def choice(self, name: str) -> Part:
        """Returns the choice in a field, with options from other fields."""
        slot, part = self.PARTS[name], getattr(self, name)
        for dotted, value in self.derived().items():
            field, _, option = dotted.partition(".")
            if field == name and option in slot.options(part.name) and option not in part.options:
                part = slot.part({option: value}, part)
        return part

    def option(self, dotted: str) -> Any:
        """Returns the value of a field or option by its dotted name.

        An option that is not set has the default of its class. An option that no choice takes is None.
        """
        name, *path = dotted.split(".")
        value = getattr(self, name)
        value = self.PARTS[name].canonical(value) if name in self.PARTS else value
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        return value

    def resolved(self):
        """Returns the recipe of the run, with small sizes if `smoke`."""
        if not self.smoke:
            return self
        sizes = {name: getattr(self, name) for name in ("train_size", "test_size") if getattr(self, name) is not None}
        early: dict[str, Any] = {}
        if self.option("algorithm.polish_epoch") is not None:
            early = {"algorithm.warm_start_epochs": 0, "algorithm.polish_epoch": 1}
        elif self.option("algorithm.warm_start_epochs") is not None:
            early = {"algorithm.warm_start_epochs": min(1, self.option("algorithm.warm_start_epochs"))}
        if self.reset_decoder_epoch is not None:
            early["reset_decoder_epoch"] = 1
        if self.train_steps is not None:
            early["train_steps"] = min(SMOKE_STEPS, self.train_steps)
        if self.more_importance_samples is not None:
            early["more_importance_samples"] = 2 * self.SMOKE["importance_samples"]
        smaller = {name: min(size, self.SMOKE[name]) for name, size in sizes.items()}
        return with_fields(self, {**self.SMOKE, **smaller, **early})

    def batch_of(self, num_train: int) -> int:
        """Returns the batch size, at most the training observations if `smoke`."""
        return min(self.batch_size, num_train) if self.smoke else self.batch_size

    @property
    def model_name(self) -> str:
        """Name of the model in tables and figures."""
        return "RME" if self.components > 1 else "VAE"

    @property
    def config(self) -> dict[str, Any]:
        """All fields as plain values, choices with all their options."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        for name in self.PARTS:
            values[name] = self.PARTS[name].canonical(self.choice(name))
        if "algorithm.kl_weight.delay" in self.derived():
            annealing = self.algorithm.options.get("kl_weight", Part(None))
            if annealing.name is not None and "delay" not in annealing.options:
                values["algorithm"]["kl_weight"]["delay"] = None  # the steps before the decoder's reset
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

    @property
    def identity(self) -> dict[str, Any]:
        """Fields that identify a run, without directories and their like."""
        fields = {name: value for name, value in self.config.items() if name not in self.ELSEWHERE}
        names = {name: pathlib.Path(fields[name]).name for name in self.PATHS if fields.get(name) is not None}
        return {**fields, **names}

    @classmethod
    def nested(cls, config: Mapping[str, Any], parts: Mapping[str, Part]) -> dict[str, Any]:
        """Returns a configuration with current fields, see `flat_form.nested`."""
        return nested(cls, config, parts)

    @classmethod
    def of_config(cls, config: Mapping[str, Any]):
        """Returns the recipe of a recorded configuration, flat or nested.

        Raises:
            ValueError: if a field has no place, or the recipe refuses a value.
        """
        if isinstance(config.get("algorithm"), str):  # flat: from a time when every algorithm drew one sample
            config = {"num_samples": 1, **config}
        values = nested(cls, config, {name: default_part(cls, name) for name in cls.PARTS}, recorded=True)
        fields: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in values.items()
        }
        return cls(**fields)

    def differences(self, recorded: Mapping) -> dict[str, tuple]:
        """Returns the differences from a recorded run, by dotted field.

        A difference is the pair (recorded value, value here). A field that is newer than the record had the effect of
        its default.

        Raises:
            ValueError: if the record does not fit a current recipe.
        """
        return differing(self.of_config(recorded).identity, self.identity)
