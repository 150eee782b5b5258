"""Base class of training algorithms."""

import contextlib
import dataclasses
import warnings
from typing import ClassVar

import tensorflow as tf

from rme_tf.algorithms import capabilities
from rme_tf.algorithms.aggressive import Aggressive
from rme_tf.algorithms.free_bits import FreeBits
from rme_tf.algorithms.kl_annealing import Annealing, check_kl_weight
from rme_tf.algorithms.row_mixing import decoder_mixes_rows, mixed_rows_message
from rme_tf.core import replicas
from rme_tf.core.fused_adam import fused_updates
from rme_tf.core.optimizer_updates import updates_made
from rme_tf.core.serializable import Configured
from rme_tf.core.validation import check_count, check_number, optional, require


@dataclasses.dataclass(frozen=True, kw_only=True)
class Algorithm(Configured):
    """A rule for one training step of a `rme_tf.VAE`, given to `compile(algorithm=...)`.

    Most algorithms ascend one bound in all weights: see `BoundAlgorithm`, whose subclasses have one method.

    Args:
        num_samples: number of latent samples S drawn from each component in a step.
        warm_start_epochs: number of first epochs in which only q_0 and the decoder are trained, as a plain VAE; then
            the other components start as copies of q_0 with noise, and the mixture grows to M components. An encoder
            with weights of other shapes than q_0's, but for outputs that components share, keeps its initial weights.
        warm_start_noise: standard deviation of the noise added to the copied weights.
        kl_weight: weight of the KL term in training, beta; a number or an `Annealing`, which counts updates of the
            optimizer. By the functional derivative of E_Q[log p(x|z)] - beta KL(Q || p) it weighs log p(z), every
            log q and log Q.
        free_bits: `FreeBits`, a floor under the KL of each component, or None.
        aggressive: `Aggressive`, a schedule with several steps of the encoders for one of the decoder, or None.
        components_per_step: number of different components K drawn for each observation in a step, uniformly; None, or
            the number that trains, for all of them. The decoder then runs on K codes of an observation, not M. On
            average over the draws, the gradients are the ones that the algorithm documents.

    Raises:
        ValueError: if a number is out of range, or an argument has no effect on this algorithm.

    To be implemented by subclasses:
        * `step(model, x, seed)`: moves the model's weights by `ascend`, and returns the `LogProbs` of the draw
          that it used, with K columns for K components, or `DrawnLogProbs`. x [B, ...], seed [2].
        * `honors`: the settings that the step honors, by name; every other one is refused. With a new `step` it is
          empty until the class declares it again.
            "num_samples"        draws `self.num_samples` samples from each component
            "warm_start_epochs"  trains the first `model.active_components` components only
            "kl_weight"          weighs log p(z) and log Q by `self.kl_weight_now(model)`
            "free_bits"          adds `self.kl_below_floor(model, params, z)`, so weighed
            "learned_mixing"     moves the mixing weights, `log_alpha` of the encoding
            "mixing_penalty"     subtracts `model.mixing.penalty(log_alpha)`
            "aggressive"         moves all weights by `ascend`
            "components_per_step" draws `self.components_per_step` components if `self.draws_some(count)`
            "refinement"         trains a refined model by `model.refinement.objective`

    May be overridden:
        * `begin(model)`: prepares a model before the first epoch of its life.
        * `check(model)`: raises ValueError for a model that it cannot train, in addition to the checks here.
        * `phase_name(phase)`: name of a phase of its own for the line of an epoch.
        * `exact_for_any_decoder(model)`: if the step rescales the gradient at each code.
        * `check_optimizer(optimizer)`: raises ValueError for an optimizer that cannot take its steps.
    """

    honors: ClassVar[frozenset[str]] = frozenset()

    num_samples: int = 1
    warm_start_epochs: int = 0
    warm_start_noise: float = 0.01
    kl_weight: float | Annealing = 1.0
    free_bits: FreeBits | None = None
    aggressive: Aggressive | None = None
    components_per_step: int | None = None

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if "step" in vars(cls) and "honors" not in vars(cls):
            cls.honors = frozenset()  # a new step: the inherited `honors` describes the inherited step
        capabilities.check_declared(cls)

    def __post_init__(self):
        check_count("num_samples", self.num_samples)
        check_count("warm_start_epochs", self.warm_start_epochs, 0)
        check_number("warm_start_noise", self.warm_start_noise, least=0.0)
        check_kl_weight(self.kl_weight)
        optional(check_count, "components_per_step", self.components_per_step)
        for name, kind in (("free_bits", FreeBits), ("aggressive", Aggressive)):
            value = getattr(self, name)
            require(isinstance(value, kind | None), name, f"be of {kind.__name__} or None", repr(value))
        capabilities.check_arguments(self)

    def check(self, model):
        """Raises ValueError for a `rme_tf.VAE` that the algorithm cannot train."""
        capabilities.check_parts(self, model)
        limit = {"most": model.num_components, "remedy": "The model has no more components; None draws all of them."}
        optional(check_count, "components_per_step", self.components_per_step, **limit)
        remedy = self.exact_for_any_decoder(model)
        if remedy and decoder_mixes_rows(model):
            raise ValueError(mixed_rows_message(self, model, remedy))

    def exact_for_any_decoder(self, model) -> dict:
        """Returns the arguments that make the gradients exact for decoders mixing rows.

        With such a decoder, for example with batch normalization, the outputs of a code depend on the other codes of
        the batch. A step that rescales the gradient at each code is wrong for it; a step that differentiates its
        objective directly is exact, and needs no other arguments.
        """
        del model
        return {}

    def of_saved(self, model) -> "Algorithm":
        """Returns the algorithm of a loaded model, as `check` accepts it."""
        remedy = self.exact_for_any_decoder(model)
        if not remedy or not decoder_mixes_rows(model):
            return self
        warnings.warn(f"{mixed_rows_message(self, model, remedy)} The loaded model goes on with it.", stacklevel=2)
        return dataclasses.replace(self, **remedy)

    def check_optimizer(self, optimizer):
        """Raises ValueError for an optimizer that the algorithm cannot use."""
        del optimizer

    def begin(self, model):
        """Prepares a model before the first epoch of its life."""
        del model

    def step(self, model, x, seed):
        """Moves the model's weights once; returns `LogProbs`."""
        raise NotImplementedError

    def phase(self, epochs_trained: int) -> int:
        """Returns the phase of the algorithm after a number of epochs.

        It is 0 for most algorithms. A step reads it from `model.phase`, and is traced again when it changes.

        Args:
            epochs_trained: number of epochs in the model's life, over all calls of `fit`.
        """
        del epochs_trained
        return 0

    def phase_name(self, phase: int) -> str:
        """Returns the name of a phase in words, or ""."""
        return f"phase {phase}" if phase else ""

    def draws_some(self, num_components: int) -> bool:
        """Returns whether a step draws less than this number of components."""
        return self.components_per_step is not None and self.components_per_step < num_components

    def kl_weight_now(self, model):
        """Returns the weight of the KL term at the optimizer's present update."""
        return self.kl_weight(updates_made(model.optimizer)) if callable(self.kl_weight) else self.kl_weight

    def kl_below_floor(self, model, params, z, drawn=None):
        """Returns the KL of each component below the free-bits floor, in nats.

        Shape [B, K]. Zero without free bits.

        Args:
            model: `VAE` in training.
            params: params of the components. Shape [B, K, P].
            z: draws from each component, a tensor or `Draws`. Shape [S, B, K, D].
            drawn: `ComponentDraws` if the K components differ between the observations.
        """
        if self.free_bits is None:
            return tf.zeros(tf.shape(params)[:2])
        return self.free_bits.kl_below_floor(model, params, z, drawn)

    refund = kl_below_floor  # its former name


def ascend(model, variables, objective, *, regularize=True):
    """Moves `variables` one optimizer step up the mean of `objective()`.

    The model's regularization losses are subtracted; each loss only affects its variables. Variables without influence
    on the objective do not change, nor do their optimizer slots. Several calls in a step are one update within
    `OneUpdate`.

    Args:
        model: a compiled `rme_tf.VAE`.
        variables: list of Keras variables.
        objective: function () -> (objective [B] in nats, result).
        regularize: whether to subtract the regularization losses.

    Returns:
        The result of `objective`.
    """
    model.forget_losses()
    with tf.GradientTape() as tape:
        value, result = objective()
        penalty = sum(model.losses) / replicas.num_replicas() if regularize else 0.0
        # Summed over the replicas.
        loss = model.optimizer.scale_loss(penalty - replicas.part_of_mean(value))
    gradients = tape.gradient(loss, [variable.value for variable in variables])
    pairs = zip(replicas.summed(gradients), variables, strict=True)
    _apply(model, [(gradient, variable) for gradient, variable in pairs if gradient is not None])
    return result


def _apply(model, pairs) -> None:
    """Applies (gradient, variable) pairs; while the decoder waits, the pairs of the other networks only."""
    exact = not model.algorithm.draws_some(model.active_components)
    several = replicas.num_replicas() > 1  # each traced in a thread, with the same optimizer

    def apply(chosen):
        if chosen:
            plain = model.jit_compile or several
            with contextlib.nullcontext() if plain else fused_updates(model.optimizer, exact=exact):
                model.optimizer.apply(*zip(*chosen, strict=True))

    if model.algorithm.aggressive is None:
        apply(pairs)
        return
    generative = {id(variable) for variable in model.generative_variables}
    inference = [pair for pair in pairs if id(pair[1]) not in generative]
    if several:  # see `ReplicaStep`
        apply(pairs if model.inner_loop.moves_now else inference)
    else:
        tf.cond(model.inner_loop.due(), lambda: apply(pairs), lambda: apply(inference))
