"""A healthy model passes `tf.debugging.enable_check_numerics`: no NaN or infinity marks what is not there."""

import itertools
import math

import keras
import numpy as np
import pytest
import tensorflow as tf

import rme_tf
from rme_tf import ELBO, VAE, FreeBits, ImportanceWeighted, RecursiveMixture, SubsetELBO
from rme_tf.algorithms import ALGORITHMS
from rme_tf.algorithms.kl_annealing import ANNEALINGS
from rme_tf.likelihoods import LIKELIHOODS
from rme_tf.networks import COMPONENT_NETWORKS
from rme_tf.posteriors import POSTERIORS
from rme_tf.priors import PRIORS
from rme_tf.refinements import REFINEMENTS

TOKENS = np.array([[4, 5, 2, 0], [7, 2, 0, 0], [5, 4, 6, 2], [6, 2, 0, 0]], np.int32)
PRIOR_OPTIONS = {"hierarchical": {"upper_dim": 1}, "mixture": {"num_components": 2}, "vamp": {"num_components": 2}}
PIXELS = sorted(set(LIKELIHOODS) - {"categorical_sequence"})
WARM = {"warm_start_epochs": 1}


def side_by_side(*tables):
    """The entries of tables next to each other, each at least once: a model for each would take long."""
    rows = itertools.islice(zip(*map(itertools.cycle, map(sorted, tables)), strict=False), max(map(len, tables)))
    return list(rows)


# What is trained -> (algorithm, choices of the model).
TRAININGS = {
    **{f"algorithm {name}": (cls(**WARM), {"num_components": 3}) for name, cls in ALGORITHMS.items()},
    "the paper's loop": (RecursiveMixture(**WARM, update="sequential"), {"mixing": "learned"}),
    "free bits": (RecursiveMixture(**WARM, free_bits=FreeBits(nats=1.0)), {"mixing": "learned"}),
    "drawn": (RecursiveMixture(**WARM, components_per_step=1), {"mixing": "learned", "num_components": 3}),
    "no reward": (RecursiveMixture(**WARM, kl_bound=0.0), {}),
    "dreg": (ImportanceWeighted(gradient="dreg"), {"num_components": 1}),
    "subset": (SubsetELBO(subset_size=2), {"num_components": 3}),
    **{
        f"{posterior}, {likelihood}, {annealing}": (
            ELBO(kl_weight=ANNEALINGS[annealing](steps=2)),
            {"posterior": posterior, "likelihood": likelihood, "num_components": 1},
        )
        for posterior, likelihood, annealing in side_by_side(POSTERIORS, PIXELS, ANNEALINGS)
    },
    **{
        f"{prior}, {trunk}": (
            RecursiveMixture(**WARM),
            {"prior": prior, "prior_options": PRIOR_OPTIONS.get(prior, {}), "trunk": trunk},
        )
        for prior, trunk in side_by_side(PRIORS, COMPONENT_NETWORKS)
    },
    **{
        f"refinement {name}": (ELBO(), {"refinement": name, "refinement_options": {"steps": 1}, "num_components": 1})
        for name in REFINEMENTS
    },
}


@pytest.fixture
def numerics():
    """For this thread alone."""
    tf.debugging.enable_check_numerics()
    yield
    tf.debugging.disable_check_numerics()


def test_the_check_is_on(numerics):
    with pytest.raises(tf.errors.InvalidArgumentError, match="NaN"):
        tf.math.log(tf.constant(-1.0))


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("training", TRAININGS.values(), ids=TRAININGS)
def test_training_and_all_that_follows_pass(tiny_model, binary_data, numerics, training):
    """Of observations at both edges of the support, which are where a likelihood is most in danger."""
    algorithm, choices = training
    model, x = tiny_model(**choices), binary_data(2)
    x[0], x[1] = 0.0, 1.0
    model.compile(keras.optimizers.SGD(1e-3), algorithm)
    epochs = algorithm.warm_start_epochs + 1
    log = model.fit(x, epochs=epochs, validation_data=(x,), verbose=0).history
    assert {name for name in log if not name.startswith("val_")} == set(model.metrics_names)
    assert all(map(math.isfinite, log["loss"] + log["val_loss"]))
    model.predict(x, verbose=0)
    rme_tf.bounds(model, x, num_samples=2)
    rme_tf.collapse_report(model, x, batch_size=1)
    model.sample(2)
    model.reconstruct(x)
    model.posterior(x).log_prob(model.codes(x, seed=(0, 1)))


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
def test_sentences_pass(numerics):
    networks = {"encoder": "lstm", "decoder": "lstm", "encoder_options": {"units": 3, "embedding_size": 2}}
    model = VAE.from_names(
        **networks,
        input_shape=(None,),
        latent_dim=2,
        prior="vamp",
        prior_options=PRIOR_OPTIONS["vamp"],
        likelihood="categorical_sequence",
        likelihood_options={"vocabulary_size": 9, "features": 3},
        decoder_options={**networks["encoder_options"], "word_dropout": 0.5},
    )
    model.compile("sgd", ELBO())
    model.fit(TOKENS, verbose=0)
    rme_tf.bounds(model, TOKENS, num_samples=2)
    rme_tf.collapse_report(model, TOKENS)
    nucleus = {"strategy": "sample", "top_k": 4, "top_p": 0.5}
    for choices in ({"strategy": "greedy"}, {"strategy": "beam", "length_penalty": 1.0}, nucleus):
        model.sample(2, max_length=3, **choices)


@pytest.mark.slow
def test_a_compiled_warm_start_passes_and_leaves_what_has_no_value_nan(tiny_model, binary_data, numerics):
    """In the history, under the names that there have always been; the logs of batches lack it."""
    model, batches = tiny_model(2), []
    model.compile(keras.optimizers.SGD(1e-3), RecursiveMixture(warm_start_epochs=1))
    note = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: batches.append(dict(logs)))
    with pytest.warns(UserWarning, match="only component 0 of 2"):
        log = model.fit(binary_data(4), verbose=0, callbacks=[note]).history
    assert {*batches[0], "elbo_1"} == set(log) == set(model.metrics_names)
    assert {name for name, (value,) in log.items() if math.isnan(value)} == {"elbo_1"}
    assert all(map(math.isfinite, batches[0].values()))
    assert (log["alpha_0"], log["alpha_1"]) == ([1.0], [0.0])


@pytest.mark.usefixtures("eagerly")
def test_of_a_subset_nothing_is_known_of_single_components(tiny_model, binary_data):
    model, x = tiny_model(3), binary_data(2)
    model.compile("sgd", SubsetELBO(subset_size=2))
    logs = model.train_on_batch(x, return_dict=True)
    unknown = {f"{name}_{m}" for name in ("elbo", "alpha") for m in range(3)}
    assert {name for name, value in logs.items() if math.isnan(value)} == unknown
    assert all(map(math.isfinite, model.evaluate(x, verbose=0)))
