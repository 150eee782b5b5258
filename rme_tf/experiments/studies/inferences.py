"""Inference on a frozen decoder: its choices and its training."""

import dataclasses
import math
from typing import Any

import keras
import tensorflow as tf

from rme_tf.algorithms import ELBO, Algorithm, RecursiveMixture
from rme_tf.core.validation import check_count, check_number, check_sizes, optional
from rme_tf.experiments.recipes.initial_weights import draw_by_name
from rme_tf.experiments.studies.fields import InferenceFields
from rme_tf.experiments.studies.frozen_decoders import DRAWS, FrozenDecoder, fit, own_draws, shuffled
from rme_tf.models.vae import VAE
from rme_tf.refinements import DSVI


@dataclasses.dataclass(frozen=True, kw_only=True)
class Inference:
    """Choices of the inference on a frozen decoder.

    Args:
        components: number of components M.
        barrier: barrier C of RME, in nats above log M; None ascends the ELBO of the mixture.
        warm_start_epochs: thirtieths of `steps` in which the first component trains alone.
        warm_start_noise: standard deviation of the noise on the copies of its weights.
        polish: thirtieths of `steps` after which RME ascends the ELBO of the mixture; None for never.
        posterior: name of the posterior family.
        mixing: "uniform" or "learned" weights.
        units: units of each hidden layer of an encoder.
        longer: factor of the number of training steps.
        draws: whether as many observations that the decoder draws join each batch.
        refined: steps of gradient ascent on the ELBO of each observation after the training.
    """

    components: int = 1
    barrier: float | None = None
    warm_start_epochs: int = 3
    warm_start_noise: float = 0.01
    polish: int | None = None
    posterior: str = "diag_normal"
    mixing: str = "uniform"
    units: tuple[int, ...] = (64, 64)
    longer: int = 1
    draws: bool = False
    refined: int = 0

    def __post_init__(self):
        check_count("components", self.components)
        check_count("longer", self.longer)
        check_count("refined", self.refined, 0)
        check_sizes("units", self.units)
        optional(check_number, "barrier", self.barrier)

    @property
    def algorithm(self) -> Algorithm:
        """The training algorithm."""
        if self.components == 1:
            return ELBO()
        start: dict[str, Any] = {"warm_start_epochs": self.warm_start_epochs, "warm_start_noise": self.warm_start_noise}
        if self.barrier is None:
            return ELBO(**start)
        bound = math.log(self.components) + self.barrier
        return RecursiveMixture(kl_bound=bound, polish_epoch=self.polish, **start)

    @property
    def choices(self) -> dict[str, Any]:
        """All choices as JSON values."""
        return {**dataclasses.asdict(self), "units": list(self.units)}


def trained(frozen: FrozenDecoder, inference: Inference, seed: int, fields: InferenceFields) -> VAE:
    """Returns a trained model with the frozen decoder.

    Under one seed all methods have the same initial weights of a component, order and noise of the data.

    Args:
        frozen: decoder and data.
        inference: choices of the inference.
        seed: seed of weights, data and codes.
        fields: sizes of the training.
    """
    keras.utils.set_random_seed(seed)
    model = VAE.from_names(
        encoder="mlp",
        encoder_options={"units": inference.units},
        decoder=frozen.model.decoder,
        num_components=inference.components,
        posterior=inference.posterior,
        mixing=inference.mixing,
        seed=seed,
        **frozen.options,
    )
    model.likelihood.trainable = False
    draw_by_name(model.encoders, seed)
    batches = frozen.batches(seed)
    if inference.draws:
        x = own_draws(frozen.model, min(DRAWS, fields.steps * fields.batch_size), seed=0)
        both = tf.data.Dataset.zip(batches, shuffled(x, fields.batch_size, seed))
        batches = both.map(lambda *parts: tf.concat(parts, axis=0))
    steps, epochs = fields.steps * inference.longer, 30 * inference.longer
    fit(model, batches, steps, fields.learning_rate, inference.algorithm, epochs)
    return model


def refined(model: VAE, steps: int, learning_rate: float) -> VAE:
    """Returns the model with gradient ascent after its encoders, without momentum.

    Args:
        model: trained model.
        steps: number of steps.
        learning_rate: rate of a step, for the ELBO of one observation.
    """
    parts = {"posterior": model.posterior_family, "likelihood": model.likelihood, "prior": model.prior}
    ascent = DSVI(steps=steps, learning_rate=learning_rate, momentum=0.0, num_samples=16)
    return VAE(model.encoders, model.decoder, **parts, mixing=model.mixing, refinement=ascent)
