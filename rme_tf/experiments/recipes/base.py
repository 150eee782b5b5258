"""The recipe of a run, one dataclass: every choice is a field, every field a flag and a line of YAML.

Here is what images and sentences have in common; `ImageRecipe` and `TextRecipe` add what they have not.
"""

import dataclasses
import inspect
import pathlib
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, get_args

from rme_tf.algorithms import ALGORITHMS
from rme_tf.core.registry import lookup
from rme_tf.experiments.recipes import factories
from rme_tf.experiments.recipes.collapse_fields import Remedies
from rme_tf.experiments.recipes.optimizer_fields import Optimization, Optimizer, Schedule
from rme_tf.experiments.recipes.task import Task
from rme_tf.models.building import SHARED
from rme_tf.networks import COMPONENT_NETWORKS, DECODERS, ENCODERS
from rme_tf.posteriors import MIXINGS, POSTERIORS, RecursiveMixing
from rme_tf.priors import PRIORS, as_upper_dim
from rme_tf.refinements import REFINEMENTS, GradientSteps

EVALUATION_SEED = 2020  # of binarized images and of importance samples, whatever the run's own seed

Update = Literal["joint", "sequential"]
Bound = Literal["skew", "clamp", "none"]
DecoderWeights = Literal["alpha", "uniform"]
Gradient = Literal["pathwise", "dreg"]
Estimator = Literal["s2a", "s2s"]
CHOICES = {
    "bound": Bound,
    "decoder_weights": DecoderWeights,
    "estimator": Estimator,
    "gradient": Gradient,
    "optimizer": Optimizer,
    "schedule": Schedule,
    "update": Update,
}
POSITIVE = ("learning_rate", "clip_norm", "later_width", "refinement_rate", "refinement_clip", "train_minutes")
TRUNKS = {SHARED: None, **COMPONENT_NETWORKS}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe(Optimization, Remedies):
    """One training run, from the data to the report.

    Its fields against posterior collapse are those of `Remedies`, those of the optimizer of `Optimization`.

    Args:
        data_dir: where data sets are kept, or are prepared already.
        download: fetch the data set if it is not there.
        train_size: use the first so many training observations; all unless given.
        test_size: evaluate on the first so many test observations, or as many as there are; all unless given.
        encoder: network of each component.
        trunk: "shared": the components have all but the last layer of it in common; "amortised", "conditioned" or
            "recurrent": one network gives all of them.
        later_width: of the hidden layers of the encoders after the first, as a share of the first one's; images alone.
        decoder: network of p(x|z).
        posterior: family of each component.
        flow_steps: transforms of a posterior that is made of some ("householder", "iaf", "sylvester"); its own default
            unless given.
        prior: p(z).
        prior_components: K of "mixture", or the pseudo-inputs of "vamp"; the prior's own default unless given.
        upper_dim: latent dimensions of the upper layer of "hierarchical"; half of them unless given.
        latent_dim: D, the size of a latent code.
        components: M, the components of the posterior; 1 is the plain VAE.
        refinement: steps up the ELBO of each observation from what the encoders say: "sa", "dsvi" or "iai"; none unless
            given.
        refinement_steps: the number of those steps.
        refinement_rate: learning rate of the steps of "sa" and "dsvi"; the refinement's own unless given.
        refinement_clip: largest norm of their gradients; the refinement's own unless given.
        mixing: "uniform" weights, or weights that a mixing network has "learned".
        eps_min: learned weights: eps stays in [eps_min, 1 - eps_min].
        uniform_pull: learned weights: strength of the pull towards uniform ones.
        algorithm: "recursive_mixture", "boosted", "importance_weighted", "subset_elbo", or "elbo" (the VAE and the
            mixture encoder).
        update: the recursion in one pass ("joint") or as the paper's loop ("sequential").
        bound: how the reward KL(q_m || Q_{m-1}) is bounded.
        kl_bound: the barrier C, in nats.
        decoder_weights: by what the recursion weighs the components for the decoder.
        polish_epoch: from this epoch on, the recursion gives way to the ELBO of the mixture; never unless given.
        weights_from_polish: whether learned weights stay uniform until that epoch.
        entropy_weight: lambda of boosted variational inference.
        gradient: of the encoders in the importance-weighted bound.
        subset_size: components that a step of the "subset_elbo" draws.
        estimator: "s2a" or "s2s", of that objective.
        num_samples: latent samples of each component in a training step; the algorithm's own number unless given.
        warm_start_epochs: epochs in which component 0 trains alone before the others start from it; the same for every
            algorithm, whatever its own default, so that mixtures start alike.
        warm_start_noise: standard deviation of the noise on the copied weights.
        seed: of everything random.
        policy: Keras dtype policy, such as "mixed_float16".
        jit_compile: compile the training step with XLA.
        steps_per_execution: training steps after which control returns to Python, as in Keras.
        importance_samples: samples of the reported log-likelihood, over all components.
        more_importance_samples: samples of a second one, of the test set alone; none unless given.
        tensorboard: write the curves into `out`/tensorboard too.
        out: where the run is kept; a run that is there is resumed.
        overwrite: start anew, deleting the run in `out`; refused where that holds anything else.
        smoke: a run of seconds, to see that everything works, on as many observations as there are.

    To be implemented by subclasses:
        * `load()`: the `Task`.
        * `initialise(parts, seed)`, where weights are not to start as Keras has them.
        * `TABLES`, `PATHS`, `SMOKE`: what more names are looked up in, which fields are paths, and the fields of a
          run of seconds.
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
    OWN: ClassVar[tuple[str, ...]] = ("num_samples",)  # of which algorithms have defaults of their own
    # What is no part of the identity.
    ELSEWHERE: ClassVar[tuple[str, ...]] = ("out", "overwrite", "data_dir", "download", "tensorboard")
    PATHS: ClassVar[tuple[str, ...]] = ()  # of these the last name alone is one: data may be moved

    data_dir: str | None = "data"
    download: bool = True
    train_size: int | None = None
    test_size: int | None = None
    encoder: str = "conv"
    trunk: str | None = None
    later_width: float = 1.0
    decoder: str = "conv"
    posterior: str = "diag_normal"
    flow_steps: int | None = None
    prior: str = "standard_normal"
    prior_components: int | None = None
    upper_dim: int | None = None
    latent_dim: int = 20
    components: int = 5
    refinement: str | None = None
    refinement_steps: int = 8
    refinement_rate: float | None = None
    refinement_clip: float | None = None
    mixing: str = "uniform"
    eps_min: float = 0.0
    uniform_pull: float = 0.0
    algorithm: str = "recursive_mixture"
    update: Update = "joint"
    bound: Bound = "skew"
    kl_bound: float = 3.0
    decoder_weights: DecoderWeights = "alpha"
    polish_epoch: int | None = None
    weights_from_polish: bool = False
    entropy_weight: float = 1.0
    gradient: Gradient = "pathwise"
    subset_size: int = 1
    estimator: Estimator = "s2a"
    num_samples: int | None = None
    warm_start_epochs: int = 3
    warm_start_noise: float = 0.01
    seed: int = 0
    policy: str = "float32"
    jit_compile: bool = False
    steps_per_execution: int = 1
    importance_samples: int = 5000
    more_importance_samples: int | None = None
    tensorboard: bool = False
    out: str = "runs/run"
    overwrite: bool = False
    smoke: bool = False

    def __post_init__(self):
        for name, table in self.TABLES.items():
            lookup(table, getattr(self, name), name.replace("dataset", "data set"))
        self.check_at_least(1, "components", "latent_dim", "epochs", "batch_size", "num_samples", "importance_samples")
        self.check_at_least(1, "train_size", "test_size", "patience", "flow_steps", "prior_components")
        self.check_at_least(1, "steps_per_execution")
        self.check_at_least(1, "reset_decoder_epoch", "free_bits_groups", "max_halvings", "more_importance_samples")
        self.check_at_least(0, "seed", "refinement_steps")
        for name, table in (("refinement", REFINEMENTS), ("trunk", TRUNKS)):
            if getattr(self, name) is not None:
                lookup(table, getattr(self, name), name)
        refining = sorted(name for name, kind in ALGORITHMS.items() if "refinement" in kind.honors)
        if self.refinement is not None and self.algorithm not in refining:
            raise ValueError(f"`refinement` needs an algorithm of {refining}. Received: {self.algorithm!r}.")
        for name in POSITIVE:
            value = getattr(self, name)
            if value is not None and not 0.0 < value < float("inf"):
                raise ValueError(f"`{name}` must be positive. Received: {value}.")
        for name, choices in CHOICES.items():
            if getattr(self, name) not in get_args(choices):
                raise ValueError(f"`{name}` must be one of {get_args(choices)}. Received: {getattr(self, name)!r}.")
        self.check_halvings()
        self.check_remedies(self.latent_dim, self.epochs)
        self.check_sizes()
        RecursiveMixing(eps_min=self.eps_min, uniform_pull=self.uniform_pull)  # it checks its numbers
        factories.make_algorithm(self)  # so does this

    def check_sizes(self) -> None:
        """Raises ValueError for the size of a part that has none."""
        for name, argument in factories.PRIOR_SIZES.items():
            takers = sorted(prior for prior, kind in PRIORS.items() if argument in inspect.signature(kind).parameters)
            if getattr(self, name) is not None and self.prior not in takers:
                raise ValueError(f"`{name}` is for a prior of {takers}. Received: {self.prior!r}.")
        if self.prior == "hierarchical":
            as_upper_dim(self.latent_dim, self.upper_dim)  # it checks its numbers
        if self.flow_steps is not None and POSTERIORS[self.posterior].depth_argument is None:
            flows = sorted(name for name, family in POSTERIORS.items() if family.depth_argument is not None)
            raise ValueError(f"`flow_steps` is for a posterior of {flows}. Received: {self.posterior!r}.")
        stepping = sorted(name for name, kind in REFINEMENTS.items() if issubclass(kind, GradientSteps))
        for name in ("refinement_rate", "refinement_clip"):
            if getattr(self, name) is not None and self.refinement not in stepping:
                raise ValueError(f"`{name}` is for a refinement of {stepping}. Received: {self.refinement!r}.")

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

    def initialise(self, parts: list, seed: int) -> None:
        """Draws the weights of new networks and likelihoods, where Keras's initialisers will not do."""
        del parts, seed

    def resolved(self):
        """Returns the recipe that is run, with the algorithm's own numbers where none are given; small if `smoke`."""
        own = self._own_numbers(vars(self))
        if not self.smoke:
            return dataclasses.replace(self, **own)
        sizes = {name: getattr(self, name) for name in ("train_size", "test_size") if getattr(self, name) is not None}
        early: dict[str, Any] = {"warm_start_epochs": min(1, self.warm_start_epochs)}
        if self.polish_epoch is not None:
            early = {"warm_start_epochs": 0, "polish_epoch": 1}
        if self.reset_decoder_epoch is not None:
            early["reset_decoder_epoch"] = 1
        if self.more_importance_samples is not None:
            early["more_importance_samples"] = 2 * self.SMOKE["importance_samples"]
        smaller = {name: min(size, self.SMOKE[name]) for name, size in sizes.items()}
        return dataclasses.replace(self, **{**own, **self.SMOKE, **smaller, **early})

    def batch_of(self, num_train: int) -> int:
        """Returns the observations of a training step; of a run of seconds, no more than there are to train on."""
        return min(self.batch_size, num_train) if self.smoke else self.batch_size

    @property
    def model_name(self) -> str:
        """What tables and figures call the model."""
        return "RME" if self.components > 1 else "VAE"

    @property
    def identity(self) -> dict:
        """What makes two runs the same: every field but where the run is kept and how it was called."""
        return self._identify(dataclasses.asdict(self))

    @classmethod
    def _own_numbers(cls, values: Mapping) -> dict[str, Any]:
        """Returns the algorithm's own defaults of the fields of `OWN` that are None in a recipe's values."""
        algorithm = ALGORITHMS.get(values.get("algorithm", cls.algorithm))
        return {name: getattr(algorithm, name) for name in cls.OWN if name in values and values[name] is None}

    @classmethod
    def _identify(cls, values: Mapping) -> dict:
        """Returns the part of a recipe's values that is its identity, as JSON and YAML give it back."""
        values = {**values, **cls._own_numbers(values)}
        kept = {name: value for name, value in values.items() if name not in cls.ELSEWHERE}
        names = {name: pathlib.Path(kept[name]).name for name in cls.PATHS if kept.get(name) is not None}
        lists = {name: list(value) for name, value in kept.items() if isinstance(value, tuple)}
        return {**kept, **names, **lists}

    def differences(self, recorded: Mapping) -> dict[str, tuple]:
        """Returns what makes this run another than the recorded one: field -> (value there, value here)."""
        there = {**type(self)().identity, **self._identify(recorded)}  # a younger field had the effect of its default
        return {name: (there[name], value) for name, value in self.identity.items() if there[name] != value}
