"""Frozen decoders, and the observations whose codes are inferred.

Letters: N observations, B batch, D latent dimensions.
"""

import dataclasses
import hashlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from rme_tf import data
from rme_tf.core.pipelines import untuned
from rme_tf.core.validation import check_count, check_number, optional
from rme_tf.experiments.studies.fields import InferenceFields
from rme_tf.experiments.studies.results import StudyFolder
from rme_tf.models.vae import VAE

SPLITS = ("train", "test")
EVALUATION_SEED = 1  # of the binarization and of the hidden blocks
DRAWS = 20_000  # observations from the model, for training


@dataclasses.dataclass(frozen=True, kw_only=True)
class Decoder:
    """Choices of a decoder, trained with an encoder and then frozen.

    Args:
        latent_dim: number of latent dimensions D.
        scale: fixed scale of a Gaussian likelihood; None for Bernoulli pixels, binarized in each batch.
        folded: whether the network reads |z_1| instead of z_1, so that p(z|x) is symmetric in z_1.
        hidden: block of pixels that is missing where codes are inferred, see `data.HIDDEN_BLOCKS`; None for no block.
        absolute: whether the decoder is x = |z|, with Gaussian noise, and is not trained. The observations are its own.
        units: units of each hidden layer.
    """

    latent_dim: int = 2
    scale: float | None = None
    folded: bool = False
    hidden: str | None = None
    absolute: bool = False
    units: tuple[int, ...] = (64, 64)

    def __post_init__(self):
        check_count("latent_dim", self.latent_dim)
        optional(check_number, "scale", self.scale, above=0.0)

    def network(self, event_shape) -> keras.Sequential:
        """Returns the network, [N, D] -> [N, *event_shape]."""
        codes, hidden = keras.layers.Input((self.latent_dim,)), []
        if not self.absolute:
            hidden = [keras.layers.Dense(size, "relu") for size in self.units]
            hidden += [keras.layers.Dense(int(np.prod(event_shape)))]
        last = keras.layers.Reshape(event_shape)
        if not self.folded and not self.absolute:
            return keras.Sequential([codes, *hidden, last])
        fixed: dict[str, Any] = {"use_bias": False, "trainable": False}
        pair = keras.layers.Dense(2 * self.latent_dim, "relu", **fixed), keras.layers.Dense(self.latent_dim, **fixed)
        network = keras.Sequential([codes, *pair, *hidden, last])
        for layer, kernel in zip(pair, folding(self.latent_dim, self.latent_dim if self.absolute else 1), strict=True):
            layer.set_weights([kernel])
        return network

    def model_options(self, event_shape) -> dict[str, Any]:
        """Returns arguments of `VAE.from_names` for p(x, z)."""
        options: dict[str, Any] = {"input_shape": event_shape, "latent_dim": self.latent_dim, "likelihood": "bernoulli"}
        if self.scale is not None:
            interval = None if self.absolute else (0.0, 1.0)
            fixed = {"scale": "fixed", "initial_scale": self.scale, "min_scale": self.scale / 2, "interval": interval}
            options |= {"likelihood": "normal", "likelihood_options": fixed}
        return options


class FrozenDecoder(NamedTuple):
    """A frozen decoder, and observations."""

    model: VAE  # of the decoder, with the encoder that it was trained with
    options: dict[str, Any]  # arguments of `VAE.from_names` for p(x, z) and its inference, without the decoder
    batches: Callable[[int], tf.data.Dataset]  # seed -> endless batches for training, [B, *event_shape]
    observed: dict[str, np.ndarray]  # observations of each split  [N, *event_shape]


def frozen_decoder(name: str, choices: Decoder, fields: InferenceFields, folder: StudyFolder) -> FrozenDecoder:
    """Returns a decoder, trained unless it is in the folder, and frozen.

    Args:
        name: name of the decoder.
        choices: choices of the decoder.
        fields: data and training.
        folder: folder of the study.
    """
    name = f"decoder_{name}_{_digest(choices)}"
    if choices.absolute:
        return _of_own_draws(folder.model(name, lambda: _untrained(choices, (choices.latent_dim,))), choices, fields)
    splits = data.load_images(fields.dataset, data_dir=fields.data_dir, train_size=fields.train_size)
    shape = splits.train.shape[1:]
    binarization = "dynamic" if choices.scale is None else "none"
    evaluated = "static" if choices.scale is None else "none"
    seen = {split: _seen(choices, getattr(splits, split)) for split in SPLITS}

    def batches(seed: int, hide: bool = True) -> tf.data.Dataset:
        """Returns endless batches of training images."""
        options = {"batch_size": fields.batch_size, "binarization": binarization, "seed": seed}
        return data.training_dataset(splits.train, **options, seen=seen["train"] if hide else None)

    def build() -> VAE:
        """Returns the trained model."""
        model = _untrained(choices, shape)
        fit(model, batches(0, hide=False), fields.decoder_steps, fields.learning_rate, "elbo")
        return model

    model, observed = folder.model(name, build), {}
    for split in SPLITS:
        x = data.evaluation_array(getattr(splits, split)[: fields.observed], evaluated, EVALUATION_SEED)
        rows = seen[split]
        observed[split] = x if rows is None else data.hide(x, rows[: len(x)])
    missing = {} if choices.hidden is None else {"missing": True}
    return _frozen(model, {**choices.model_options(shape), **missing}, batches, observed)


def fit(model: VAE, batches: tf.data.Dataset, steps: int, learning_rate: float, algorithm, epochs: int = 30) -> None:
    """Trains a model with Adam at a cosine rate.

    Args:
        model: model to train.
        batches: endless batches.
        steps: number of steps, rounded to whole epochs.
        learning_rate: learning rate of the first step.
        algorithm: algorithm of the training, or its name.
        epochs: largest number of epochs, of equal length; a warm start has some of them.
    """
    epochs = min(epochs, steps)
    schedule = keras.optimizers.schedules.CosineDecay(learning_rate, steps)
    model.compile(keras.optimizers.Adam(schedule), algorithm)
    model.fit(batches, steps_per_epoch=max(1, steps // epochs), epochs=epochs, verbose=0)


def folding(latent_dim: int, num_folded: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns kernels that take absolute values of the first codes.

    The first layer has max(z, 0) and max(-z, 0), by ReLU, the second their sum or, of other codes, their difference.

    Args:
        latent_dim: number of latent dimensions D.
        num_folded: number of dimensions with absolute values.

    Returns:
        kernels: Shapes [D, 2 D] and [2 D, D].
    """
    signs = np.where(np.arange(latent_dim) < num_folded, 1.0, -1.0)
    ones = np.eye(latent_dim)
    return np.concatenate([ones, -ones], axis=1), np.concatenate([ones, np.diag(signs)], axis=0)


def own_draws(model: VAE, count: int, seed: int, rows: int = 1000) -> np.ndarray:
    """Returns observations that the model draws. Shape [N, *event_shape].

    Args:
        model: model with prior and decoder.
        count: number of observations N.
        seed: seed of the draws.
        rows: number of observations that are drawn at a time.
    """
    parts = []
    for start in range(0, count, rows):
        z = model.prior.distribution().sample(min(rows, count - start), seed=(seed, start))
        parts.append(model.decode(z).sample(seed=(seed, start + 1)).numpy())
    return np.concatenate(parts)


def shuffled(x: np.ndarray, batch_size: int, seed: int) -> tf.data.Dataset:
    """Returns endless shuffled batches of an array. Shape [B, *event_shape].

    Args:
        x: observations. Shape [N, *event_shape].
        batch_size: number of observations B in a batch.
        seed: seed of the order.
    """
    rows = tf.data.Dataset.from_tensor_slices(x).shuffle(len(x), seed=seed, reshuffle_each_iteration=True)
    return untuned(rows.repeat().batch(min(batch_size, len(x)), drop_remainder=True).prefetch(2))


def _untrained(choices: Decoder, event_shape) -> VAE:
    """Returns the model with fresh weights, the same for the same choices."""
    keras.utils.set_random_seed(0)
    units = {"encoder_options": {"units": choices.units}}
    decoder = choices.network(event_shape)
    return VAE.from_names(encoder="mlp", decoder=decoder, seed=0, **units, **choices.model_options(event_shape))


def _of_own_draws(model: VAE, choices: Decoder, fields: InferenceFields) -> FrozenDecoder:
    """Returns a decoder with observations of its own."""
    x = own_draws(model, fields.train_size or DRAWS, seed=0)
    observed = {"train": x[: fields.observed], "test": own_draws(model, fields.observed, seed=EVALUATION_SEED)}
    options = choices.model_options(x.shape[1:])
    return _frozen(model, options, lambda seed: shuffled(x, fields.batch_size, seed), observed)


def _frozen(model: VAE, options: Mapping[str, Any], batches, observed: dict[str, np.ndarray]) -> FrozenDecoder:
    model.decoder.trainable = model.likelihood.trainable = False
    return FrozenDecoder(model, dict(options), batches, observed)


def _seen(choices: Decoder, images) -> np.ndarray | None:
    """Returns which pixels of images are seen, or None for all."""
    if choices.hidden is None:
        return None
    return data.seen_pixels(choices.hidden, len(images), images.shape[1:], seed=EVALUATION_SEED)


def _digest(choices: Decoder) -> str:
    """Returns a short digest of choices, so that a folder has a file for each of them."""
    return hashlib.sha256(repr(choices).encode()).hexdigest()[:8]
