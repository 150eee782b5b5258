"""The tables of the public calls that take x or z, and of what users have them in."""

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf

import rme_tf
from conftest import build_tiny_model
from rme_tf.evaluation import (
    LocalSearch,
    annealed_importance,
    component_distances,
    decoder_report,
    find_modes,
    inference_gaps,
    posterior_shape,
    proposal_quality,
    sampled_modes,
)
from rme_tf.evaluation.likelihood_bounds import inference_milliseconds, posterior_moments, summarize
from rme_tf.refinements import elbo_gradient

PIXELS, D, ROWS = 4, 2, 6
X = np.random.default_rng(0).integers(0, 2, (ROWS, PIXELS)).astype("float32")
Z = np.random.default_rng(0).normal(size=(ROWS, D)).astype("float32")
SAMPLES = {"num_samples": 2, "progress": False}
CHAINS = {"num_temperatures": 1, "num_chains": 1, "num_leapfrog_steps": 1, "progress": False}
DRAWN = {"num_temperatures": 1, "num_chains": 2, "steps": 10, "progress": False}
_CACHE: dict = {}
QUICK = LocalSearch(steps=1, rounds=2, starts=1, num_samples=1)


def fit(model, x, **options):
    return model.fit(x, verbose=0, **{"batch_size": 2, "shuffle": False, **options})


def watch(model, data):
    """What `fit` does with the monitor."""
    monitor = rme_tf.CollapseMonitor(data, batch_size=2, max_observations=ROWS, warn=False)
    monitor.set_model(model)
    monitor.on_train_begin()
    monitor.on_epoch_end(0, {})


def once(name, make):
    """What is made of the model at the first call; its weights do not matter."""
    if name not in _CACHE:
        _CACHE[name] = make()
    return _CACHE[name]


def encoded(model):
    return once("encoded", lambda: model.encode(X))


def bounds_of(model):
    return once("bounds", lambda: rme_tf.bounds(model, X, **SAMPLES))


def inferred(model):
    return once("inferred", lambda: model.infer(X))


def log_probs_at(model, x, z=Z):
    return model.log_probs_at(x, encoded(model), np.tile(z[None, :, None], [1, 1, 2, 1]))


# Call -> what gives it x. Those of Keras's kind of data first.
STREAMED = {
    "fit": fit,
    "fit, validation_data": lambda model, x: fit(model, X, validation_data=x),
    "evaluate": lambda model, x: model.evaluate(x, batch_size=2, verbose=0),
    "predict": lambda model, x: model.predict(x, batch_size=2, verbose=0),
}
WALKED = {
    "bounds": lambda model, x: rme_tf.bounds(model, x, batch_size=2, **SAMPLES),
    "log_likelihood": lambda model, x: rme_tf.log_likelihood(model, x, batch_size=2, **SAMPLES),
    "summarize": lambda model, x: summarize(model, x, bounds_of(model)),
    "collapse_report": lambda model, x: rme_tf.collapse_report(model, x, batch_size=2),
    "CollapseMonitor": lambda model, x: watch(model, x),
    "inference_gaps": lambda model, x: inference_gaps(model, x, batch_size=2, search=QUICK, **SAMPLES),
    "impute": lambda model, x: rme_tf.impute(model, x, batch_size=2),
    "impute_mean": lambda model, x: rme_tf.impute_mean(model, x, batch_size=2),
    "annealed_importance": lambda model, x: annealed_importance(model, x, batch_size=2, **CHAINS),
    "posterior_moments": lambda model, x: posterior_moments(model, x),
    "proposal_quality": lambda model, x: proposal_quality(model, x, num_samples=25, progress=False),
    "posterior_shape": lambda model, x: posterior_shape(model, x, num=10, progress=False),
    "find_modes": lambda model, x: find_modes(model, x, num_starts=4, steps=10, progress=False),
    "sampled_modes": lambda model, x: sampled_modes(model, x, batch_size=2, **DRAWN),
    "component_distances": lambda model, x: component_distances(model, x, num_samples=2),
    "decoder_report": lambda model, x: decoder_report(model, x, num_samples=2, progress=False),
}
OBSERVED = {
    **STREAMED,
    **WALKED,
    "train_on_batch": lambda model, x: model.train_on_batch(x),
    "test_on_batch": lambda model, x: model.test_on_batch(x),
    "predict_on_batch": lambda model, x: model.predict_on_batch(x),
    "__call__": lambda model, x: model(x),
    "__call__, by name": lambda model, x: model(x=x),
    "call": lambda model, x: model.call(x),
    "encode": lambda model, x: model.encode(x),
    "infer": lambda model, x: model.infer(x),
    "posterior": lambda model, x: model.posterior(x),
    "codes": lambda model, x: model.codes(x),
    "reconstruct": lambda model, x: model.reconstruct(x),
    "interpolate": lambda model, x: model.interpolate(x, X, steps=2),
    "interpolate, second": lambda model, x: model.interpolate(X, x, steps=2),
    "log_probs": lambda model, x: model.log_probs(x, seed=(0, 1)),
    "log_probs_at": log_probs_at,
    "log_joint": lambda model, x: model.log_joint(x, Z[None, :, None]),
    "likelihood_params": lambda model, x: model.likelihood_params(Z, x),
    "decode": lambda model, x: model.decode(Z, x),
    "elbo_gradient": lambda model, x: elbo_gradient(model, x, encoded(model), (0, 1)),
    "imputation_scores": lambda model, x: rme_tf.imputation_scores(model, x, X),
    "inference_milliseconds": lambda model, x: inference_milliseconds(model, x, batch_size=2, repeats=1),
    "initialize": lambda model, x: model.prior.initialize(x),
    "initialise": lambda model, x: model.prior.initialise(x),
}
CODED = {
    "render": lambda model, z: model.render(z),
    "decode": lambda model, z: model.decode(z),
    "likelihood_params": lambda model, z: model.likelihood_params(z),
    "log_joint": lambda model, z: model.log_joint(X, np.asarray(z)[None, :, None]),
    "log_probs_at": lambda model, z: log_probs_at(model, X, np.asarray(z)),
    "log_prob": lambda model, z: inferred(model).log_prob(z),
    "component_log_probs": lambda model, z: inferred(model).component_log_probs(np.asarray(z)[None, :, None]),
    "generate": lambda model, z: rme_tf.generate(stepwise(), z, max_length=3),
    "interpolate, the function": lambda model, z: rme_tf.interpolate(model, z, Z, steps=2),
    "interpolate, the function, second": lambda model, z: rme_tf.interpolate(model, Z, z, steps=2),
    "nearest_neighbors": lambda model, z: rme_tf.nearest_neighbors(Z, z, k=2),
    "nearest_neighbors, codes": lambda model, z: rme_tf.nearest_neighbors(z, Z, k=2),
}


def model_of():
    """A model with a prior that starts from observations."""

    def make():
        model = build_tiny_model(pixels=PIXELS, prior="vamp", prior_options={"num_components": 2})
        model.compile("sgd", "elbo", run_eagerly=True)
        return model

    return once("model", make)


def stepwise():
    """A model that goes token by token."""
    options = {"units": 3, "embedding_size": 3}
    choices = {"encoder": "lstm", "decoder": "lstm", "encoder_options": options, "decoder_options": options}
    choices |= {"likelihood": "categorical_sequence", "likelihood_options": {"vocabulary_size": 6, "features": 3}}
    return once("stepwise", lambda: rme_tf.VAE.from_names(input_shape=(None,), latent_dim=D, **choices))


class WithArray:
    """What NumPy makes an array of, and no more."""

    def __init__(self, values):
        self.values = values

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype)


class Rows(keras.utils.PyDataset):
    def __init__(self, x):
        super().__init__()
        self.x = x

    def __len__(self):
        return len(self.x) // 2

    def __getitem__(self, index):
        return (self.x[2 * index : 2 * index + 2],)


def stored(x):
    file = once("file", lambda: h5py.File("rows.h5", "w", driver="core", backing_store=False))
    return file.create_dataset(None, data=x)


def frame(x):
    return pytest.importorskip("pandas").DataFrame(x)


CONTAINERS = {
    "array": lambda x: x,
    "array, of another byte order": lambda x: x.astype(x.dtype.newbyteorder()),
    "masked array": np.ma.masked_array,
    "tensor": tf.constant,
    "variable": tf.Variable,
    "Keras variable": lambda x: keras.Variable(x, dtype=x.dtype.name),
    "h5py": stored,
    "__array__": WithArray,
}
STREAMS = {
    "tf.data": lambda x: tf.data.Dataset.from_tensor_slices(x).batch(2),
    "tf.data, with labels": lambda x: tf.data.Dataset.from_tensor_slices((x, np.arange(len(x)))).batch(2),
    "PyDataset": Rows,
    "generator": lambda x: ((x[start : start + 2],) for start in range(0, len(x), 2)),
}


def spoiled(value):
    x = X.copy()
    x[:, 1] = value  # a quarter of each batch
    return x
