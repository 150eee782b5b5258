"""The recipe of a run, one dataclass: every choice is a field, every field a flag and a line of YAML."""

import dataclasses
import pathlib
import sys
from collections.abc import Mapping
from typing import Any, Literal, get_args

import dacite
import tyro
import yaml

from rme_tf.algorithms import ALGORITHMS, Aggressive, Algorithm
from rme_tf.annealing import ANNEALINGS, Annealing
from rme_tf.data import BINARIZATIONS, DATASETS
from rme_tf.free_bits import FreeBits
from rme_tf.likelihoods import LIKELIHOODS
from rme_tf.networks import DECODERS, ENCODERS
from rme_tf.posteriors import MIXINGS, POSTERIORS, Mixing, RecursiveMixing
from rme_tf.priors import PRIORS
from rme_tf.registry import lookup

Update = Literal["joint", "sequential"]
Bound = Literal["skew", "clamp", "none"]


TABLES: dict[str, Mapping] = {
    "algorithm": ALGORITHMS,
    "binarization": BINARIZATIONS,
    "dataset": DATASETS,
    "decoder": DECODERS,
    "encoder": ENCODERS,
    "likelihood": LIKELIHOODS,
    "mixing": MIXINGS,
    "posterior": POSTERIORS,
    "prior": PRIORS,
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """One training run, from the data set to the report.

    Args:
        dataset: name of the data set.
        data_dir: where data sets are kept, or are prepared already.
        download: fetch the data set if it is not there.
        train_size: use the first so many training images; all unless given.
        test_size: evaluate on the first so many test images; all unless given.
        binarization: "dynamic" (redrawn for each training batch), "static", "threshold", "none".
        likelihood: p(x|z).
        encoder: network of each component.
        shared_trunk: the components have all but the last layer of it in common.
        decoder: network of p(x|z).
        posterior: family of each component.
        prior: p(z).
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
        epochs: passes over the training images.
        batch_size: images of a training step.
        learning_rate: of Adam.
        seed: of everything random.
        policy: Keras dtype policy, such as "mixed_float16".
        jit_compile: compile the training step with XLA.
        importance_samples: samples of the reported log-likelihood, over all components.
        out: where the run is kept; a run that is there is resumed.
        overwrite: start anew, deleting what is in `out`.
        smoke: a run of seconds, to see that everything works.
    """

    dataset: str = "mnist"
    data_dir: str | None = "data"
    download: bool = True
    train_size: int | None = None
    test_size: int | None = None
    binarization: str = "dynamic"
    likelihood: str = "bernoulli"
    encoder: str = "conv"
    shared_trunk: bool = False
    decoder: str = "conv"
    posterior: str = "diag_normal"
    prior: str = "standard_normal"
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
    learning_rate: float = 1e-3
    seed: int = 0
    policy: str = "float32"
    jit_compile: bool = False
    importance_samples: int = 5000
    out: str = "runs/run"
    overwrite: bool = False
    smoke: bool = False

    def __post_init__(self):
        for name, table in TABLES.items():
            lookup(table, getattr(self, name), name.replace("dataset", "data set"))
        for name in ("train_size", "test_size"):
            if getattr(self, name) is not None and getattr(self, name) < 1:
                raise ValueError(f"`{name}` must be at least 1. Received: {getattr(self, name)}.")
        if self.seed < 0:
            raise ValueError(f"`seed` must not be negative. Received: {self.seed}.")
        RecursiveMixing(eps_min=self.eps_min, uniform_pull=self.uniform_pull)  # it checks its numbers
        for name in ("components", "latent_dim", "epochs", "batch_size", "num_samples", "importance_samples"):
            if getattr(self, name) < 1:
                raise ValueError(f"`{name}` must be at least 1. Received: {getattr(self, name)}.")
        if not 0.0 < self.learning_rate < float("inf"):
            raise ValueError(f"`learning_rate` must be positive. Received: {self.learning_rate}.")
        for name, choices in (("update", Update), ("bound", Bound)):
            if getattr(self, name) not in get_args(choices):
                raise ValueError(f"`{name}` must be one of {get_args(choices)}. Received: {getattr(self, name)!r}.")
        self.make_algorithm()  # it checks its numbers

    def resolved(self) -> "Recipe":
        """Returns the recipe that is run: `self`, or with `smoke` a run of seconds."""
        if not self.smoke:
            return self
        small: dict[str, Any] = {"train_size": 512, "test_size": 64, "epochs": 2, "importance_samples": 64}
        return dataclasses.replace(self, **small, warm_start_epochs=min(1, self.warm_start_epochs))

    def make_algorithm(self) -> Algorithm:
        """Returns the training algorithm that the fields describe; raises ValueError as it does."""
        algorithm = lookup(ALGORITHMS, self.algorithm, "algorithm")
        options = {field.name: getattr(self, field.name) for field in dataclasses.fields(algorithm)}
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

    @property
    def identity(self) -> dict:
        """What makes two runs the same: every field but where the run is kept and how it was called."""
        values = dataclasses.asdict(self)
        return {name: values[name] for name in values if name not in ("out", "overwrite", "data_dir", "download")}

    def differences(self, recorded: Mapping) -> dict[str, tuple]:
        """Returns what makes this run another than the recorded one: field -> (value there, value here)."""
        recorded = {**type(self)().identity, **recorded}  # a younger field had the effect of its default
        return {name: (recorded[name], value) for name, value in self.identity.items() if recorded[name] != value}


def from_yaml(path, defaults):
    """Returns `defaults`, a dataclass, with what a YAML file says in their place.

    Raises:
        ValueError: if there is no such file, or it has unknown keys or values of a wrong type.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise ValueError(f"Expected a YAML file of recipe fields. Received: {path}, which is not there.")
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        merged = {**dataclasses.asdict(defaults), **values}
        config = dacite.Config(strict=True, cast=[tuple], type_hooks={float: float})
        return dacite.from_dict(type(defaults), merged, config=config)
    except (dacite.DaciteError, TypeError, yaml.YAMLError) as error:
        raise ValueError(f"{path} does not describe a recipe: {error}.") from error


def parse(defaults, description: str | None = None, args=None):
    """Returns the options of a command line, a dataclass: `defaults`, then `--config FILE`, then the flags.

    Args:
        defaults: a `Recipe`, or any dataclass: what holds without flags.
        description: what `--help` begins with.
        args: the command line's words; those of the process unless given.
    """
    args = sys.argv[1:] if args is None else args
    args = [part for word in args for part in (word.split("=", 1) if word.startswith("--config=") else [word])]
    while "--config" in args:
        index = args.index("--config")
        if index + 1 == len(args):
            raise ValueError("`--config` needs a YAML file.")
        defaults = from_yaml(args[index + 1], defaults)
        del args[index : index + 2]
    note = "Also: --config FILE, a YAML file of the same fields (the flags win over it)."
    description = "\n\n".join(filter(None, (description, note)))
    return tyro.cli(type(defaults), default=defaults, description=description, args=args)
