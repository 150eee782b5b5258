"""Models of an estimator, with random numbers that depend on its seed."""

from collections.abc import Mapping
from typing import Any

import keras

from rme_tf import algorithms
from rme_tf.core.registry import argument_names, lookup
from rme_tf.core.seeds import seeded_initializers
from rme_tf.data.tables import training_dataset
from rme_tf.likelihoods import LIKELIHOODS, Likelihood
from rme_tf.models import VAE

# Options of likelihoods of real numbers: columns are standardized, and each has a scale.
OF_COLUMNS = {"initial_scale": 1.0, "interval": None, "scale": "per_pixel"}
WARM_START_SHARE, MOST_WARM_START = 10, 3  # a tenth of the epochs, at most 3


def likelihood_options(likelihood, options: Mapping[str, Any] | None) -> dict[str, Any]:
    """Returns options of a likelihood, with defaults for real columns.

    Args:
        likelihood: name of the likelihood, or an instance.
        options: options of the user, which have priority.
    """
    if isinstance(likelihood, Likelihood):
        return dict(options or {})
    names = argument_names(lookup(LIKELIHOODS, likelihood, "likelihood")) or []
    defaults = OF_COLUMNS if "interval" in names else {}
    return {**defaults, **(options or {})}


def algorithm_of(algorithm, options: Mapping[str, Any] | None, epochs: int, num_components: int):
    """Returns the training algorithm.

    The warm start of an algorithm by name takes a tenth of the epochs, at most 3, and none with one component.

    Args:
        algorithm: name of the algorithm, or an instance.
        options: options of an algorithm by name.
        epochs: number of epochs of the training.
        num_components: number of components M.

    Raises:
        ValueError: for an unknown name or option, or options of an instance.
    """
    if isinstance(algorithm, algorithms.Algorithm):
        if options:
            raise ValueError(f"`algorithm_options` are for an algorithm by name. Received: {options} and an instance.")
        return algorithm
    build = lookup(algorithms.ALGORITHMS, algorithm, "algorithm")
    warm_start = 0 if num_components == 1 else min(MOST_WARM_START, epochs // WARM_START_SHARE)
    return build(**{"warm_start_epochs": warm_start, **(options or {})})


def fitted_model(estimator, x, *, seed: int) -> VAE:
    """Returns the trained model of an estimator, and sets its `history_`.

    Args:
        estimator: `MixtureVAETransformer` with the settings.
        x: observations in the units of the model, float32. Shape [N, F].
        seed: seed of weights, noise and order.
    """
    networks = {"units": tuple(estimator.units)}
    with seeded_initializers(seed):
        model = VAE.from_names(
            encoder="mlp",
            decoder="mlp",
            encoder_options=networks,
            decoder_options=networks,
            input_shape=x.shape[1:],
            latent_dim=estimator.latent_dim,
            num_components=estimator.num_components,
            posterior=estimator.posterior,
            likelihood=estimator.likelihood,
            likelihood_options=likelihood_options(estimator.likelihood, estimator.likelihood_options),
            missing=estimator.missing,
            seed=seed,
        )
    settings = estimator.algorithm, estimator.algorithm_options, estimator.epochs, estimator.num_components
    model.compile(keras.optimizers.Adam(estimator.learning_rate), algorithm_of(*settings))
    batch_size = min(estimator.batch_size, len(x))
    history = model.fit(
        training_dataset(x, batch_size=batch_size, seed=seed),
        epochs=estimator.epochs,
        steps_per_epoch=-(-len(x) // batch_size),
        verbose=estimator.verbose,
    )
    estimator.history_ = {name: [float(value) for value in values] for name, values in history.history.items()}
    return model
