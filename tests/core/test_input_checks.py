"""Every public call that takes x or z: the same sentence for the same fault, whatever the container."""

import importlib
import inspect
import re

import keras
import numpy as np
import pytest
import tensorflow as tf

import rme_tf
from public_calls import (
    CODED,
    CONTAINERS,
    OBSERVED,
    STREAMED,
    STREAMS,
    WALKED,
    WithArray,
    X,
    Z,
    frame,
    model_of,
    once,
    spoiled,
)
from rme_tf import refinements
from rme_tf.callbacks import collapse_monitor
from rme_tf.generation import interpolation, sequences
from rme_tf.posteriors import MixturePosterior
from rme_tf.priors import PRIORS

EVALUATIONS = (
    "annealing.importance collapse components decoders gaps.decomposition imputation likelihood_bounds modes.search "
    "modes.posterior_modes modes.sampling proposal"
)
# Name -> why it does not check.
NOT_GATED = {
    "amortized": "the networks alone, of pseudo-inputs too",
    "train_step": "of Keras, after fit",
    "test_step": "of Keras, after evaluate",
    "predict_step": "of Keras, after predict",
    "bounds_of_batch": "graph code",
    "checked_first": "what CollapseMonitor checks by",
    "completed": "graph code",
    "draw_log_weights": "after a check",
    "grid_around_mass": "after a check",
    "weighted_draws": "graph code",
    "WeightedDraws": "holds what imputations are made of",
    "hide": "before a model",
    "draw": "its `first` is a number",
    "draw_with_log_probs": "its `first` is a number",
    "sample_components": "its `first` is a number",
    "sample_with_log_probs": "its `first` is a number",
    "Draws": "holds what a report is made of",
    "stateless_compute_loss": "of Keras, for losses that it compiles",
    "compute_loss": "of Keras, for losses that it compiles",
    "compute_metrics": "of Keras, for metrics that it compiles",
}
TAKEN = {"x", "z", "x_first", "x_second", "data", "validation_data", "first", "second", "codes", "queries", "images"}

OUTSIDE = (
    "Bernoulli expects binary values, 0 or 1. Received: `x` with {} among its values ({}% of them outside).{} "
    + ("Scale or binarize the data, or choose another likelihood.")
)
BYTES = " They look like 8-bit pixels, 0 to 255: divide them by 255."
MISSING = " If NaN is a missing entry, build the model with `missing=True`."
GRAY = ' Gray values between 0 and 1 have likelihood="continuous_bernoulli".'
FAULTS = {
    "NaN": (spoiled(np.nan), OUTSIDE.format("nan", "25.00", MISSING)),
    "infinity": (spoiled(-np.inf), OUTSIDE.format("-inf", "25.00", "")),
    "grey": (spoiled(0.5), OUTSIDE.format("0.5", "25.00", GRAY)),
    "a class": (spoiled(3.0), OUTSIDE.format("3.0", "25.00", "")),
    "bytes": (spoiled(255).astype("uint8"), OUTSIDE.format("255", "25.00", BYTES)),
    "floats of bytes": (spoiled(128.0).astype("float64"), OUTSIDE.format("128.0", "25.00", BYTES)),
    "size": (np.zeros((6, 5), "float32"), "`x` must have shape (None, 4). Received: (N, 5)."),
    "rank": (np.zeros((6, 4, 1), "float32"), "`x` must have shape (None, 4). Received: (N, 4, 1)."),
    "complex": (X.astype("complex64"), "`x` must hold real numbers. Received: values of dtype complex64."),
}
NAMES = r"`(x|data|validation_data|x_first|x_second|z|first|second|queries|codes)`"


def sentence_of(call):
    with pytest.raises(ValueError, match=NAMES) as error:
        call()
    text = re.sub(NAMES, "`x`", str(error.value))
    return re.sub(r"Received: \((\d+|None),", "Received: (N,", text)


@pytest.mark.parametrize("call", sorted(OBSERVED))
def test_each_call_refuses_each_fault_in_each_container_in_the_same_words(call):
    model, found = model_of(), {}
    for fault, (x, _) in FAULTS.items():
        for container, make in CONTAINERS.items():
            if (fault, container) != ("complex", "Keras variable"):  # of which there is none
                found[fault, container] = sentence_of(lambda make=make, x=x: OBSERVED[call](model, make(x)))
    assert found == {(fault, container): FAULTS[fault][1] for fault, container in found}


@pytest.mark.parametrize("call", sorted(OBSERVED))
def test_each_call_refuses_what_is_no_array_of_numbers(call):
    model, found = model_of(), {}
    ragged, sparse = tf.RaggedTensor.from_tensor(X), tf.sparse.from_dense(X)
    cases = {
        "`x` is empty": X[:0],
        "`x` must hold real numbers. Received: values of dtype str": X.astype(str),
        'Received: values of dtype object. Convert them: np.asarray(x, "float32").': WithArray(X.astype(object)),
        "Received: a list of 6. Convert it: np.asarray(": list(X),
        "Received: a masked array with entries that are masked.": np.ma.masked_equal(X, 1.0),
        "Received: a RaggedTensor. Convert it: ": ragged,
        "Received: a SparseTensor. Convert it: ": sparse,
    }
    if call == "fit, validation_data":  # to which a list is data and labels
        cases = {expected: x for expected, x in cases.items() if not isinstance(x, list)}
    for expected, x in cases.items():
        found[expected] = sentence_of(lambda x=x: OBSERVED[call](model, x))
    renamed = {expected: re.sub(r"np.asarray\(\w+, ", "np.asarray(x, ", text) for expected, text in found.items()}
    assert all(expected in text for expected, text in renamed.items()), found


def test_a_call_on_one_batch_says_what_to_pass_of_a_dict_or_a_data_set():
    for x, remedy in (
        ({"image": X}, r"a dict of 1. Pass the array alone: x\['image'\]"),
        (STREAMS["tf.data"](X), "batches"),
    ):
        with pytest.raises(ValueError, match=f"`x` must be an array.*{remedy}"):
            model_of()(x)


@pytest.mark.parametrize("stream", sorted(STREAMS))
@pytest.mark.parametrize("call", sorted(STREAMED))
def test_batches_are_refused_as_they_come_in_the_same_words(call, stream):
    model, found = model_of(), {}
    for fault in ("NaN", "bytes", "size", "complex"):
        found[fault] = sentence_of(lambda fault=fault: STREAMED[call](model, STREAMS[stream](FAULTS[fault][0])))
    assert found == {fault: FAULTS[fault][1] for fault in found}


@pytest.mark.parametrize("fault", ["NaN", "size", "complex"])
def test_a_later_batch_of_a_generator_is_refused_in_the_same_words(fault):
    batches = [*[X[:2]] * 6, FAULTS[fault][0]]  # Keras looks at the first ones before it starts
    found = sentence_of(lambda: STREAMED["fit"](model_of(), ((batch,) for batch in batches)))
    assert found == FAULTS[fault][1]


@pytest.mark.parametrize("call", sorted(WALKED))
@pytest.mark.usefixtures("eagerly")
def test_so_are_those_of_a_data_set_without_keras(call):
    model, found = model_of(), {}
    for fault in ("NaN", "bytes", "size", "complex"):
        found[fault] = sentence_of(lambda fault=fault: WALKED[call](model, STREAMS["tf.data"](FAULTS[fault][0])))
    assert found == {fault: FAULTS[fault][1] for fault in found}
    for stream in ("PyDataset", "generator"):
        with pytest.raises(ValueError, match=r"must be an array or a `tf.data.Dataset`"):
            WALKED[call](model, STREAMS[stream](X))


@pytest.mark.parametrize("container", ["array", "tensor", "variable", "h5py", "__array__"])
@pytest.mark.parametrize("call", sorted(CODED))
def test_latent_codes_are_refused_in_the_same_words(call, container):
    model, make = model_of(), CONTAINERS[container]

    def sentence(z):
        return sentence_of(lambda: CODED[call](model, make(z)))

    for value in ("nan", "-inf"):
        expected = f"`x` must be finite. Received: {value} among its values (50.00% of them)."
        assert sentence(np.stack([Z[:, 0], np.full(len(Z), float(value))], axis=-1)) == expected
    assert re.search(r"^`x` must be latent codes of shape \[(\.\.\.|N), \d\]. Received: \(N", sentence(Z[:, :1]))
    assert sentence(Z.astype("complex64")) == "`x` must hold real numbers. Received: values of dtype complex64."


def answers(model, make):
    """What some calls make of X and Z in a container."""
    of_x = [OBSERVED[call](model, make(X)) for call in ("__call__", "predict", "predict_on_batch", "bounds")]
    return (model.codes(make(X)), model.render(make(Z))), keras.tree.flatten(of_x)


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("container", sorted(CONTAINERS))
def test_what_is_right_passes_in_each_container(container):
    model, make = model_of(), CONTAINERS[container]
    weights, expected = once("right", lambda: (model.get_weights(), answers(model, lambda x: x)))
    model.set_weights(weights)  # which the container before has trained
    found = answers(model, make)
    for one, other in zip(expected[0], found[0], strict=True):
        np.testing.assert_array_equal(one, other)
    for one, other in zip(expected[1], found[1], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)
    for call in ("fit", "train_on_batch", "collapse_report"):
        OBSERVED[call](model, make(X))


@pytest.mark.usefixtures("eagerly")
def test_rows_of_a_data_frame_pass_and_are_checked():
    model = model_of()
    np.testing.assert_array_equal(model.codes(frame(X)), model.codes(X))
    model.evaluate(frame(X), verbose=0)
    for call in OBSERVED.values():
        assert sentence_of(lambda call=call: call(model, frame(spoiled(0.5)))) == FAULTS["grey"][1]


def names_taken(function):
    try:
        return TAKEN & set(inspect.signature(function).parameters)
    except ValueError:  # built in
        return set()


def public_callables():
    owners = [
        rme_tf.VAE,
        MixturePosterior,
        *PRIORS.values(),
        *(importlib.import_module(f"rme_tf.evaluation.{name}") for name in EVALUATIONS.split()),
        sequences,
        interpolation,
        collapse_monitor,
        refinements.gradient,
    ]
    for owner in [*owners, rme_tf]:
        for name, value in inspect.getmembers(owner, callable):
            own = not inspect.ismodule(owner) or owner is rme_tf or value.__module__ == owner.__name__
            alias = getattr(owner, getattr(value, "__name__", name), None) is value and name != value.__name__
            if own and not alias and (not name.startswith("_") or name == "__call__"):
                yield name, value


def test_no_public_call_takes_x_or_z_that_is_not_in_the_tables():
    tables = {re.split(",", name)[0] for name in (*OBSERVED, *CODED)}
    missing = {name for name, value in public_callables() if names_taken(value)} - tables - set(NOT_GATED)
    assert not missing
    assert not tables & set(NOT_GATED)
