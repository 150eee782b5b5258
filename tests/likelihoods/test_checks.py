"""Bad observations: refused by every public entry, before any work, with what was expected and what came."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import rme_tf
from rme_tf.likelihoods import Bernoulli, Normal
from rme_tf.likelihoods.input_checks import checked, checked_pair

SHAPE = (4, 4, 1)


def images(count=6, shape=SHAPE):
    return np.random.default_rng(0).integers(0, 2, (count, *shape)).astype("float32")


def spoiled(value):
    """Six images, one pixel of the last but one of which has this value."""
    x = images()
    x[4, 2, 1, 0] = value
    return x


def model_for(likelihood="bernoulli"):
    options = {"units": (4,)}
    networks = {"encoder": "mlp", "decoder": "mlp", "encoder_options": options, "decoder_options": options}
    model = rme_tf.VAE.from_names(**networks, input_shape=SHAPE, latent_dim=2, likelihood=likelihood)
    model.compile(keras.optimizers.SGD(0.1), "elbo", run_eagerly=True)
    return model


@pytest.fixture(scope="module")
def models():
    """One model for each likelihood, for tests to which its weights do not matter."""
    return {likelihood: model_for(likelihood) for likelihood in VALUES}


def dataset(x):
    return tf.data.Dataset.from_tensor_slices(x).batch(2)


SHAPES = {
    "rank": (np.zeros((6, 16), "float32"), r"\(None, 4, 4, 1\)", r"\(6, 16\)"),
    "no channels": (np.zeros((6, 4, 4), "float32"), r"\(None, 4, 4, 1\)", r"\(6, 4, 4\)"),
    "channels": (np.zeros((6, 4, 4, 3), "float32"), r"\(None, 4, 4, 1\)", r"\(6, 4, 4, 3\)"),
    "size": (np.zeros((6, 5, 4, 1), "float32"), r"\(None, 4, 4, 1\)", r"\(6, 5, 4, 1\)"),
    "scalar": (np.zeros((), "float32"), r"\(None, 4, 4, 1\)", r"\(\)"),
    "one image": (images()[0], r"\(None, 4, 4, 1\)", r"\(4, 4, 1\)"),
}
VALUES = {
    "bernoulli": {
        "NaN": np.nan,
        "infinity": np.inf,
        "negative": -1.0,
        "over one": 2.0,
        "grey": 0.5,
        "bytes": 255.0,
    },
    "normal": {"NaN": np.nan, "infinity": -np.inf, "negative": -0.01, "over one": 1.01, "bytes": 255.0},
}
EXPECTED = {
    "bernoulli": "Bernoulli expects binary values, 0 or 1",
    "normal": r"Normal expects real values in \[0, 1\]",
}
CASES = [(likelihood, name) for likelihood in VALUES for name in VALUES[likelihood]]
ENTRIES = {
    "fit": lambda model, x: model.fit(x, epochs=2, batch_size=2, verbose=0),
    "validation": lambda model, x: model.fit(images(2), validation_data=x, batch_size=2, verbose=0),
    "validation pair": lambda model, x: model.fit(images(2), validation_data=(x, x), batch_size=2, verbose=0),
    "evaluate": lambda model, x: model.evaluate(x, batch_size=2, verbose=0),
    "predict": lambda model, x: model.predict(x, batch_size=2, verbose=0),
    "bounds": lambda model, x: rme_tf.bounds(model, x, num_samples=4, progress=False),
    "log_likelihood": lambda model, x: rme_tf.log_likelihood(model, x, num_samples=4, progress=False),
}


def weights(model):
    return [variable.numpy() for variable in model.variables]


def assert_nothing_moved(model, before):
    assert int(model.optimizer.iterations) == 0
    for variable, value in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)


@pytest.mark.parametrize("entry", sorted(ENTRIES))
def test_arrays_of_a_wrong_shape_are_refused_before_any_work(entry):
    model = model_for()
    before = weights(model)
    for x, expected, received in SHAPES.values():
        with pytest.raises(ValueError, match=f"must have shape {expected}. Received: {received}"):
            ENTRIES[entry](model, x)
    assert_nothing_moved(model, before)


@pytest.mark.parametrize("entry", sorted(ENTRIES))
def test_arrays_outside_the_support_are_refused_before_any_work(entry):
    for likelihood, cases in VALUES.items():
        model = model_for(likelihood)
        before = weights(model)
        for value in cases.values():
            with pytest.raises(ValueError, match=EXPECTED[likelihood]) as error:
                ENTRIES[entry](model, spoiled(value))
            assert f"{np.float32(value)} among its values (1.04% of them outside)" in str(error.value)  # 1 of 96
        assert_nothing_moved(model, before)


@pytest.mark.parametrize("entry", sorted(ENTRIES))
def test_nothing_at_all_is_refused(models, entry):
    with pytest.raises(ValueError, match="is empty"):
        ENTRIES[entry](models["bernoulli"], images(0))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (images() / 2, "Bernoulli expects binary values"),
        (dataset(images() / 2), "Bernoulli expects binary values"),
        (images()[..., 0], "`data` must have shape"),
        (list(images()), "`data` must be an array.*a list of 6"),
    ],
    ids=["array", "data set", "shape", "list"],
)
def test_a_report_on_collapse_refuses_them_too(models, data, message):
    with pytest.raises(ValueError, match=message):
        rme_tf.collapse_report(models["bernoulli"], data)


@pytest.mark.parametrize("entry", ["fit", "evaluate", "predict"])
@pytest.mark.parametrize("pack", [list, tuple, lambda x: {"image": x}])
def test_what_is_several_inputs_to_keras_is_refused_in_few_words(models, entry, pack):
    with pytest.raises(ValueError, match=r"`x` must be an array or a data set of observations \(4, 4, 1\)") as error:
        ENTRIES[entry](models["bernoulli"], pack(images()))
    assert len(str(error.value)) < 200


@pytest.mark.parametrize("entry", ["fit", "validation", "evaluate", "predict"])
@pytest.mark.parametrize(
    "empty",
    [
        lambda: dataset(images()).take(0),
        lambda: dataset(images()).filter(lambda x: tf.reduce_all(x > 2.0)),  # of a size nobody knows
    ],
    ids=["known", "unknown size"],
)
def test_a_dataset_without_batches_is_refused(models, entry, empty):
    with pytest.raises(ValueError, match="empty"):
        ENTRIES[entry](models["bernoulli"], empty())


@pytest.mark.slow
@pytest.mark.parametrize("entry", ["fit", "validation", "evaluate", "predict"])
@pytest.mark.parametrize("labels", [False, True], ids=["alone", "with labels"])
def test_a_later_batch_of_a_dataset_is_checked_too(models, entry, labels):
    for likelihood, name in (("bernoulli", "grey"), ("bernoulli", "NaN"), ("normal", "over one")):
        x = spoiled(VALUES[likelihood][name])
        data = dataset((x, np.arange(6))) if labels else dataset(x)
        with pytest.raises(ValueError, match=EXPECTED[likelihood] + ".*Received"):
            ENTRIES[entry](models[likelihood], data)


@pytest.mark.slow
@pytest.mark.parametrize("entry", ["fit", "evaluate", "predict"])
def test_a_compiled_step_reports_a_bad_batch_alike(entry):
    model = model_for()
    model.compile("sgd", "elbo")
    with pytest.raises(ValueError, match="Bernoulli expects binary values, 0 or 1. Received") as error:
        ENTRIES[entry](model, dataset(spoiled(0.25)))
    assert "0.25" in str(error.value) or "other values" in str(error.value)


@pytest.mark.parametrize("name", ["rank", "no channels", "channels", "size"])
def test_a_dataset_of_a_wrong_shape_is_refused_before_any_work(name):
    x, expected, received = SHAPES[name]
    received = received.replace("(6", "(None")
    for entry in ("fit", "validation", "evaluate", "predict"):
        model = model_for()
        before = weights(model)
        for data in (dataset(x), dataset((x, np.arange(6)))):
            with pytest.raises(ValueError, match=f"must have shape {expected}. Received: {received}"):
                ENTRIES[entry](model, data)
        assert_nothing_moved(model, before)


@pytest.mark.parametrize("likelihood", [Bernoulli(SHAPE), Normal(SHAPE)], ids=["bernoulli", "normal"])
def test_good_data_passes_unchanged(likelihood):
    x = images()
    assert checked(x, likelihood) is x
    assert checked_pair(None, likelihood, "validation_data") is None
    np.testing.assert_array_equal(np.concatenate(list(checked(dataset(x), likelihood))), x)
    pairs = list(checked(dataset((x, np.arange(6))), likelihood))
    np.testing.assert_array_equal(np.concatenate([first for first, _ in pairs]), x)
    np.testing.assert_array_equal(np.concatenate([second for _, second in pairs]), np.arange(6))


def test_the_message_calls_the_data_by_its_argument(models):
    with pytest.raises(ValueError, match="`validation_data` must have shape"):
        ENTRIES["validation"](models["bernoulli"], images()[..., 0])
    with pytest.raises(ValueError, match="`x` must have shape"):
        ENTRIES["fit"](models["bernoulli"], images()[..., 0])


def test_other_errors_of_a_pipeline_are_not_taken_for_bad_data(models):
    def broken(x):
        with tf.control_dependencies([tf.debugging.Assert(False, ["another fault"])]):
            return tf.identity(x)

    with pytest.raises(tf.errors.InvalidArgumentError, match="another fault"):
        ENTRIES["evaluate"](models["bernoulli"], dataset(images()).map(broken))


class Batches(keras.utils.PyDataset):
    def __init__(self, x, workers=1):
        super().__init__(workers=workers)
        self.x, self.ends = x, 0

    def __len__(self):
        return len(self.x) // 2

    def __getitem__(self, index):
        return (self.x[2 * index : 2 * index + 2],)

    def on_epoch_end(self):
        self.ends += 1


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("last", [False, True], ids=["first", "last"])
def test_a_py_dataset_is_checked_batch_by_batch(models, workers, last):
    x = np.concatenate([images(), images(), spoiled(0.5)] if last else [spoiled(0.5), images()])
    with pytest.raises(ValueError, match="binary values, 0 or 1"):
        models["bernoulli"].fit(Batches(x, workers), verbose=0)


@pytest.mark.parametrize("last", [False, True], ids=["first", "last"])
def test_a_generator_is_checked_batch_by_batch(models, last):
    batches = [images()] * 4 + [spoiled(0.5)] if last else [spoiled(0.5)] + [images()] * 4
    with pytest.raises(ValueError, match="binary values, 0 or 1"):
        models["bernoulli"].fit(((batch,) for batch in batches), verbose=0)


@pytest.mark.slow
@pytest.mark.parametrize(
    "pack", [lambda x: (x,), lambda x: (x, np.arange(len(x))), lambda x: x], ids=["x", "xy", "alone"]
)
def test_a_good_generator_trains(pack):
    model = model_for()
    history = model.fit((pack(images()) for _ in range(4)), steps_per_epoch=2, epochs=2, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    codes = model.predict((pack(images()) for _ in range(2)), steps=2, verbose=0)["means"]
    np.testing.assert_allclose(codes, model.predict(np.tile(images(), [2, 1, 1, 1]), verbose=0)["means"], rtol=1e-5)


@pytest.mark.slow
def test_a_py_dataset_may_give_observations_alone():
    class Alone(Batches):
        def __getitem__(self, index):
            return super().__getitem__(index)[0]

    history = model_for().fit(Alone(images()), verbose=0).history
    assert np.isfinite(history["loss"]).all()


@pytest.mark.slow
def test_a_good_py_dataset_trains_and_hears_of_epochs():
    batches = Batches(images())
    history = model_for().fit(batches, epochs=2, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    assert batches.ends >= 2  # Keras looks ahead once


def test_a_data_set_of_dicts_or_of_unknown_rank_is_refused_by_what_it_gives():
    dicts = dataset({"image": images()})
    labelled = tf.data.Dataset.zip((dicts, dataset(np.arange(6))))
    for source in (dicts, labelled):
        remedy = r"must give tensors of shape \(None, 4, 4, 1\).*x.map\(lambda batch, \*labels: batch\['image'\]\)"
        with pytest.raises(ValueError, match=remedy):
            model_for().fit(source, verbose=0)
        assert source.map(lambda batch, *labels: batch["image"]).element_spec.shape[1:] == (4, 4, 1)  # what it says
    unknown = dataset(images()).map(lambda x: tf.ensure_shape(tf.py_function(lambda: x, [], tf.float32), None))
    with pytest.raises(ValueError, match=r"must give tensors of shape"):
        model_for().fit(unknown, verbose=0)


@pytest.mark.parametrize("entry", sorted(ENTRIES))
def test_a_data_set_that_was_not_batched_is_told_so(models, entry):
    with pytest.raises(ValueError, match=r"Received: \(4, 4, 1\). Batch the data set: \w+.batch\(batch_size\)"):
        ENTRIES[entry](models["bernoulli"], tf.data.Dataset.from_tensor_slices(images()))


@pytest.mark.parametrize("call", ["fit", "evaluate", "predict"])
def test_no_data_at_all_are_asked_for(models, call):
    with pytest.raises(ValueError, match="`x` must be an array or a data set.*Received: None. Pass `x`."):
        getattr(models["bernoulli"], call)(None, verbose=0)
