"""The recipe of a run, one dataclass: every choice is a field, every field a flag and a line of YAML.

Here is what images and sentences have in common; `ImageRecipe` and `TextRecipe` add what they have not.
"""

import dataclasses
import pathlib
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal, NamedTuple, get_args

import keras

from rme_tf.algorithms import ALGORITHMS, Aggressive, Algorithm
from rme_tf.annealing import ANNEALINGS, Annealing
from rme_tf.free_bits import FreeBits
from rme_tf.models import VAE
from rme_tf.networks import DECODERS, ENCODERS
from rme_tf.posteriors import MIXINGS, POSTERIORS, Mixing, RecursiveMixing
from rme_tf.priors import PRIORS
from rme_tf.registry import lookup

EVALUATION_SEED = 2020  # of binarized images and of importance samples, whatever the run's own seed

Update = Literal["joint", "sequential"]
Bound = Literal["skew", "clamp", "none"]
Optimizer = Literal["adam", "sgd"]


class Run(NamedTuple):
    """A finished run."""

    recipe: "Recipe"
    model: VAE
    record: dict[str, Any]
    history: dict[str, list]
    task: "Task"


class Task(NamedTuple):
    """What a recipe's data are to a run."""

    model_options: dict[str, Any]  # of `VAE.from_names`: what the data decide
    steps_per_epoch: int
    batches: Callable[[int], Any]  # epoch to begin with -> data set of training batches
    validation: Any  # data set
    evaluations: dict[str, Any]  # "test" and "train": arrays, or data sets of batches
    example: Any  # an array of observations, of which batches are cut to time inference
    callbacks: Callable[[dict], list]  # history until now -> callbacks of `fit`
    metrics: Callable[[VAE, str, Any], dict]  # model, "test" or "train", its `Bounds` -> more numbers
    facts: dict[str, Any]  # about the data, for the record
    export_options: dict[str, Any]  # of `export_saved_model`
    keep: Callable[[pathlib.Path], None]  # writes into the run's directory what belongs to the model


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """One training run, from the data to the report.

    Args:
        data_dir: where data sets are kept, or are prepared already.
        download: fetch the data set if it is not there.
        train_size: use the first so many training observations; all unless given.
        test_size: evaluate on the first so many test observations; all unless given.
        encoder: network of each component.
        shared_trunk: the components have all but the last layer of it in common.
        decoder: network of p(x|z).
        posterior: family of each component.
        prior: p(z).
        prior_components: K of "mixture", or the pseudo-inputs of "vamp"; the prior's own default unless given.
        latent_dim: D, the size of a latent code.
        components: M, the components of the posterior; 1 is the plain VAE.
        mixing: "uniform" weights, or weights that a mixing network has "learned".
        eps_min: learned weights: eps stays in [eps_min, 1 - eps_min].
        uniform_pull: learned weights: strength of the pull towards uniform ones.
        algorithm: "recursive_mixture", or "elbo" (the VAE and the mixture encoder).
        update: the recursion in one pass ("joint") or as the paper's loop ("sequential").
        bound: how the reward KL(q_m || Q_{m-1}) is bounded.
        kl_bound: the barrier C, in nats.
        num_samples: latent samples of each component in a training step.
        warm_start_epochs: epochs in which component 0 trains alone before the others start from it.
        warm_start_noise: standard deviation of the noise on the copied weights.
        kl_weight: weight of the KL term in training, at the end of its annealing.
        annealing: "linear", "sigmoid" or "cyclical" rise of that weight; none unless given.
        annealing_steps: training steps of the rise, or of one cycle.
        annealing_start: the weight at the first step.
        free_bits: nats of each component's KL that each latent dimension has for nothing.
        aggressive: several steps of the encoders for one of the decoder.
        epochs: passes over the training observations.
        batch_size: observations of a training step.
        optimizer: "adam", or plain "sgd".
        learning_rate: of the optimizer.
        clip_norm: largest norm of the gradient of a step; no limit unless given.
        patience: epochs without a better validation ELBO until the learning rate is halved; never unless given.
        seed: of everything random.
        policy: Keras dtype policy, such as "mixed_float16".
        jit_compile: compile the training step with XLA.
        importance_samples: samples of the reported log-likelihood, over all components.
        out: where the run is kept; a run that is there is resumed.
        overwrite: start anew, deleting what is in `out`.
        smoke: a run of seconds, to see that everything works.

    To be implemented by subclasses:
        * `load()`: the `Task`.
        * `show(runs, out)`: what there is to see.
        * `TABLES`, `SMOKE`: what more names are looked up in, and the fields of a run of seconds.
    """

    TABLES: ClassVar[dict[str, Mapping]] = {
        "algorithm": ALGORITHMS,
        "decoder": DECODERS,
        "encoder": ENCODERS,
        "mixing": MIXINGS,
        "posterior": POSTERIORS,
        "prior": PRIORS,
    }
    SMOKE: ClassVar[dict[str, Any]] = {"train_size": 512, "test_size": 64, "epochs": 2, "importance_samples": 64}
    ELSEWHERE: ClassVar[tuple[str, ...]] = ("out", "overwrite", "data_dir", "download")  # no part of the identity

    data_dir: str | None = "data"
    download: bool = True
    train_size: int | None = None
    test_size: int | None = None
    encoder: str = "conv"
    shared_trunk: bool = False
    decoder: str = "conv"
    posterior: str = "diag_normal"
    prior: str = "standard_normal"
    prior_components: int | None = None
    latent_dim: int = 20
    components: int = 5
    mixing: str = "uniform"
    eps_min: float = 0.0
    uniform_pull: float = 0.0
    algorithm: str = "recursive_mixture"
    update: Update = "joint"
    bound: Bound = "skew"
    kl_bound: float = 3.0
    num_samples: int = 1
    warm_start_epochs: int = 3
    warm_start_noise: float = 0.01
    kl_weight: float = 1.0
    annealing: str | None = None
    annealing_steps: int = 1000
    annealing_start: float = 0.0
    free_bits: float = 0.0
    aggressive: bool = False
    epochs: int = 50
    batch_size: int = 128
    optimizer: Optimizer = "adam"
    learning_rate: float = 1e-3
    clip_norm: float | None = None
    patience: int | None = None
    seed: int = 0
    policy: str = "float32"
    jit_compile: bool = False
    importance_samples: int = 5000
    out: str = "runs/run"
    overwrite: bool = False
    smoke: bool = False

    def __post_init__(self):
        for name, table in self.TABLES.items():
            lookup(table, getattr(self, name), name.replace("dataset", "data set"))
        self.check_at_least(1, "components", "latent_dim", "epochs", "batch_size", "num_samples", "importance_samples")
        self.check_at_least(1, "train_size", "test_size", "patience", "prior_components")
        if self.prior_components is not None and self.prior == "standard_normal":
            raise ValueError(f"`prior_components` is for a prior that is a mixture. Received: {self.prior!r}.")
        self.check_at_least(0, "seed")
        for name in ("learning_rate", "clip_norm"):
            value = getattr(self, name)
            if value is not None and not 0.0 < value < float("inf"):
                raise ValueError(f"`{name}` must be positive. Received: {value}.")
        for name, choices in (("update", Update), ("bound", Bound), ("optimizer", Optimizer)):
            if getattr(self, name) not in get_args(choices):
                raise ValueError(f"`{name}` must be one of {get_args(choices)}. Received: {getattr(self, name)!r}.")
        RecursiveMixing(eps_min=self.eps_min, uniform_pull=self.uniform_pull)  # it checks its numbers
        self.make_algorithm()  # so does this

    def check_at_least(self, least: int, *names: str) -> None:
        """Raises ValueError if one of those fields is below `least`; None passes."""
        for name in names:
            value = getattr(self, name)
            if value is not None and value < least:
                raise ValueError(f"`{name}` must be at least {least}. Received: {value}.")

    def load(self) -> Task:
        """Returns the data's side of the run.

        Raises:
            ValueError: if the data are not to be had, or do not allow for what the recipe wants of them.
        """
        raise NotImplementedError

    def show(self, runs: Mapping[str, Run], out: pathlib.Path) -> None:
        """Writes into a directory what there is to see of finished runs, by the model's name."""
        raise NotImplementedError

    def resolved(self):
        """Returns the recipe that is run: `self`, or with `smoke` a run of seconds."""
        if not self.smoke:
            return self
        return dataclasses.replace(self, **self.SMOKE, warm_start_epochs=min(1, self.warm_start_epochs))

    def make_algorithm(self) -> Algorithm:
        """Returns the training algorithm that the fields describe; raises ValueError as it does."""
        algorithm = lookup(ALGORITHMS, self.algorithm, "algorithm")
        names = {field.name for field in dataclasses.fields(algorithm)} & {
            field.name for field in dataclasses.fields(self)
        }
        options: dict[str, Any] = {name: getattr(self, name) for name in names}
        options["kl_weight"] = self.make_kl_weight()
        options["free_bits"] = FreeBits(nats=self.free_bits) if self.free_bits else None
        options["aggressive"] = Aggressive() if self.aggressive else None
        if self.components == 1:
            options["warm_start_epochs"] = 0
        return algorithm(**options)

    def make_kl_weight(self) -> float | Annealing:
        """Returns the weight of the KL term, or its annealing; raises ValueError as that does."""
        if self.annealing is None:
            return self.kl_weight
        annealing = lookup(ANNEALINGS, self.annealing, "annealing")
        return annealing(steps=self.annealing_steps, start=self.annealing_start, end=self.kl_weight)

    def make_mixing(self) -> Mixing:
        """Returns how the components are weighted; raises ValueError as the mixing does."""
        if self.mixing == "learned":
            return RecursiveMixing(eps_min=self.eps_min, uniform_pull=self.uniform_pull)
        return lookup(MIXINGS, self.mixing, "mixing")()

    def make_prior_options(self) -> dict[str, int]:
        """Returns arguments of the prior."""
        return {} if self.prior_components is None else {"num_components": self.prior_components}

    def make_optimizer(self) -> keras.optimizers.Optimizer:
        """Returns the optimizer."""
        optimizer = {"adam": keras.optimizers.Adam, "sgd": keras.optimizers.SGD}[self.optimizer]
        return optimizer(self.learning_rate, global_clipnorm=self.clip_norm)

    def make_model(self, options: Mapping[str, Any]) -> VAE:
        """Returns the compiled model, `options` being a task's `model_options`."""
        names = {name: getattr(self, name) for name in ("encoder", "decoder", "posterior", "prior", "latent_dim")}
        model = VAE.from_names(
            **{**names, "num_components": self.components, "prior_options": self.make_prior_options(), **options},
            trunk="shared" if self.shared_trunk else None,
            mixing=self.make_mixing(),
            seed=self.seed,
        )
        model.compile(self.make_optimizer(), algorithm=self.make_algorithm(), jit_compile=self.jit_compile)
        return model

    @property
    def identity(self) -> dict:
        """What makes two runs the same: every field but where the run is kept and how it was called."""
        return self._identify(dataclasses.asdict(self))

    @classmethod
    def _identify(cls, values: Mapping) -> dict:
        """Returns the part of a recipe's values that is its identity."""
        return {name: values[name] for name in values if name not in cls.ELSEWHERE}

    def differences(self, recorded: Mapping) -> dict[str, tuple]:
        """Returns what makes this run another than the recorded one: field -> (value there, value here)."""
        there = {**type(self)().identity, **self._identify(recorded)}  # a younger field had the effect of its default
        return {name: (there[name], value) for name, value in self.identity.items() if there[name] != value}
