"""TensorFlow Serving's row format: each row of a batch is answered as a request of its own."""

import json

import numpy as np
import pytest
import tensorflow as tf

from conftest import build_tiny_model
from rme_tf.core.outer_calls import InnerCalls
from rme_tf.posteriors import POSTERIORS
from rme_tf.priors import PRIORS
from rme_tf.refinements import REFINEMENTS
from rme_tf.serving.saved_model import Endpoints, export_saved_model
from rme_tf.serving.strings import TextEndpoints
from test_lstm import ROWS, build_text_model

X = np.random.default_rng(0).integers(0, 2, (3, 5)).astype("float32")
SEEDS = [7, 8]
MODELS = {
    **{f"posterior {name}": {"posterior": name} for name in sorted(POSTERIORS)},
    **{f"refinement {name}": {"refinement": name, "refinement_options": {"steps": 1}} for name in sorted(REFINEMENTS)},
}


@pytest.fixture
def in_a_graph(eagerly):
    """Runs what is compiled op by op, as if its values were not known."""
    with InnerCalls():
        yield


def rows_of(request: str, signature) -> dict:
    """Returns the inputs that TensorFlow Serving makes of a request in the row format.

    As tensorflow_serving/util/json_tensor.cc has it: an object has exactly the names of the signature's inputs, the
    values of a name have equal shapes, and are stacked along a first axis.
    """
    specs = signature.structured_input_signature[1]
    instances = json.loads(request)["instances"]
    if not isinstance(instances[0], dict):
        (name,) = specs
        instances = [{name: value} for value in instances]
    assert all(set(instance) == set(specs) for instance in instances)
    return {
        name: tf.stack([tf.constant(instance[name], spec.dtype) for instance in instances])
        for name, spec in specs.items()
    }


def predictions_of(outputs) -> list:
    """Returns the rows of a response: all outputs have one first axis, of the size of the batch."""
    (size,) = {output.shape[0] for output in outputs.values()}
    return [{name: output[row].numpy() for name, output in outputs.items()} for row in range(size)]


def predict(served, name, instances) -> list:
    signature = served.signatures[name]
    return predictions_of(signature(**rows_of(json.dumps({"instances": instances}), signature)))


def check_rows(answer, x) -> dict:
    """Checks that a batch with a seed for each row is answered as its rows are one by one; returns the answer.

    Args:
        answer: function of a batch and its seeds. The axis of rows comes first.
        x: two observations.
    """
    rows = answer(tf.constant(x), tf.constant(SEEDS))
    for row, seed in enumerate(SEEDS):
        for name, value in answer(tf.constant(x[row : row + 1]), tf.constant(seed)).items():
            np.testing.assert_allclose(rows[name][row], value[0], rtol=1e-4, atol=1e-5, err_msg=name)
    return rows


def drawn_by(endpoints):
    """Returns a function of x and seeds, for draws from the posterior with the axis of rows first."""

    def answer(x, seed):
        z = endpoints.sample_posterior(x, tf.constant(4), seed)["z"]
        return {"z": z if seed.shape.rank else tf.transpose(z, [1, 0, 2])}

    return answer


@pytest.mark.parametrize("name", sorted(MODELS))
@pytest.mark.usefixtures("in_a_graph")
def test_each_row_is_drawn_by_its_own_seed_as_if_it_were_alone(name):
    z = check_rows(drawn_by(Endpoints(build_tiny_model(2, **MODELS[name]), 5)), X[:2])["z"]
    assert z.shape == (2, 4, 2)


@pytest.mark.usefixtures("in_a_graph")
def test_equal_rows_with_equal_seeds_are_answered_alike_and_with_other_seeds_not():
    endpoints, x = Endpoints(build_tiny_model(2), 5), tf.constant(np.repeat(X[:1], 3, axis=0))
    z = endpoints.sample_posterior(x, tf.constant([2, 2, 2]), tf.constant([1, 2, 1]))["z"].numpy()
    np.testing.assert_allclose(z[0], z[2], rtol=1e-5)
    assert np.abs(z[0] - z[1]).max() > 1e-3
    check_rows(endpoints.reconstruct, X[:2])
    check_rows(lambda x, seed: endpoints.log_likelihood(x, tf.constant(4), seed), X[:2])


@pytest.mark.slow
@pytest.mark.usefixtures("in_a_graph")
def test_pixels_are_drawn_by_the_seed_of_their_row():
    options = {"num_layers": 1, "filters": 4}
    model = build_tiny_model(1, input_shape=(2, 2, 1), decoder="pixelcnn", decoder_options=options)
    x = np.random.default_rng(0).integers(0, 2, (2, 2, 2, 1)).astype("float32")
    endpoints = Endpoints(model, 5)
    assert set(check_rows(endpoints.reconstruct, x)) == {"pixels"}
    many = endpoints.sample_prior(tf.constant([4, 4]), tf.constant([1, 2]))
    np.testing.assert_array_equal(many["pixels"][1], endpoints.sample_prior(tf.constant(4), tf.constant(2))["pixels"])


@pytest.mark.parametrize("name", sorted(PRIORS))
@pytest.mark.usefixtures("in_a_graph")
def test_each_row_of_the_prior_is_drawn_by_its_own_seed(name):
    endpoints = Endpoints(build_tiny_model(2, prior=name), 5)
    rows = endpoints.sample_prior(tf.constant([3, 3]), tf.constant([5, 6]))
    for row, seed in enumerate((5, 6)):
        alone = endpoints.sample_prior(tf.constant(3), tf.constant(seed))
        assert alone["mean"].shape == (3, 5)
        for output, value in alone.items():
            np.testing.assert_allclose(rows[output][row], value, rtol=1e-5, atol=1e-6)


class Codes:
    """A tokenizer whose text is the ids themselves."""

    def tokenize(self, text):
        return text

    def detokenize(self, tokens):
        return tf.strings.reduce_join(tf.strings.as_string(tokens), axis=-1, separator=" ")


@pytest.mark.slow
@pytest.mark.usefixtures("in_a_graph")
def test_sentences_are_answered_row_by_row():
    endpoints = TextEndpoints(Endpoints(build_text_model(2), 5), Codes())
    x = np.array(ROWS[:2], "int32")
    rows = endpoints.reconstruct(tf.constant(x), tf.constant(SEEDS))["text"]
    alone = [endpoints.reconstruct(tf.constant(x[i : i + 1]), tf.constant(SEEDS[i]))["text"][0] for i in range(2)]
    assert rows.numpy().tolist() == [line.numpy() for line in alone]
    many = endpoints.sample_prior(tf.constant([2, 2]), tf.constant([1, 2]))["text"]
    assert many.shape == (2, 2)
    assert many[1].numpy().tolist() == endpoints.sample_prior(tf.constant(2), tf.constant(2))["text"].numpy().tolist()


@pytest.mark.usefixtures("in_a_graph")
def test_numbers_that_fit_no_batch_are_errors():
    endpoints = Endpoints(build_tiny_model(2), 5)
    x, two = tf.constant(X), tf.constant([1, 2])
    for call in (
        lambda: endpoints.reconstruct(x, two),
        lambda: endpoints.log_likelihood(x, tf.constant(2), two),
        lambda: endpoints.sample_prior(tf.constant([1, 1, 1]), two),
    ):
        with pytest.raises(tf.errors.InvalidArgumentError, match="must be a scalar, or have a value for each row"):
            call()
    for call in (
        lambda: endpoints.sample_posterior(x, tf.constant([1, 2, 1]), tf.constant(0)),
        lambda: endpoints.sample_prior(two, two),
    ):
        with pytest.raises(tf.errors.InvalidArgumentError, match="`num_samples` must be equal for all rows"):
            call()
    with pytest.raises(tf.errors.InvalidArgumentError, match="`num_samples` must be at least 1"):
        endpoints.log_likelihood(x, tf.constant([1, 0, 2]), tf.constant(0))


@pytest.mark.usefixtures("in_a_graph")
def test_numbers_of_samples_of_the_bound_may_differ_between_rows():
    endpoints = Endpoints(build_tiny_model(2), 5)
    both = endpoints.log_likelihood(tf.constant(X[:2]), tf.constant([2, 50]), tf.constant(3))["log_likelihood"]
    for row, count in enumerate((2, 50)):
        alone = endpoints.log_likelihood(tf.constant(X[row : row + 1]), tf.constant(count), tf.constant(3))
        np.testing.assert_allclose(both[row], alone["log_likelihood"][0], rtol=1e-5)


@pytest.mark.slow
def test_a_saved_model_answers_the_requests_of_a_server(tmp_path):
    model = build_tiny_model(2)
    export_saved_model(model, tmp_path)
    served = tf.saved_model.load(str(tmp_path))
    x = X.tolist()
    assert [set(row) for row in predict(served, "serving_default", x)] == [{"weights", "means", "scales"}] * 3
    assert [set(row) for row in predict(served, "decode", [[0.0, 1.0]])] == [{"mean"}]
    rows = predict(served, "reconstruct", [{"x": x[i], "seed": SEEDS[i]} for i in range(2)])
    for i, row in enumerate(rows):
        expected = model.reconstruct(X[i : i + 1], seed=SEEDS[i])[0]
        np.testing.assert_allclose(row["mean"], expected, atol=1e-5)
    rows = predict(served, "sample_posterior", [{"x": x[0], "num_samples": 4, "seed": 3}] * 2)
    assert rows[0]["z"].shape == (4, 2)
    np.testing.assert_allclose(rows[1]["z"], served.sample_posterior(X[:1], 4, 3)["z"][:, 0], atol=1e-6)
    rows = predict(served, "sample_prior", [{"num_samples": 2, "seed": seed} for seed in (1, 2)])
    assert [row["mean"].shape for row in rows] == [(2, 5)] * 2
    rows = predict(served, "log_likelihood", [{"x": row, "num_samples": 10, "seed": 0} for row in x])
    assert np.isfinite([row["log_likelihood"] for row in rows]).all()
    with pytest.raises(tf.errors.InvalidArgumentError, match="value for each row"):
        served.reconstruct(X, tf.constant([1, 2]))


@pytest.mark.slow
@pytest.mark.parametrize("by_row", [False, True])
def test_a_batch_without_rows_has_an_answer_without_rows(by_row, without_rows):
    none = tf.zeros([0], tf.int32)
    count, seed = (none, none) if by_row else (tf.constant(3), tf.constant(0))
    x, ends = tf.zeros([0, 5]), {"z": (0, 1, 2), "x": (0, 1, 5)} if by_row else {"z": (3, 0, 2), "x": (3, 0, 5)}
    answers = {
        **without_rows.sample_posterior(x, count, seed),
        **without_rows.reconstruct(x, seed),
        **without_rows.log_likelihood(x, count, seed),
        **without_rows.impute(x, count, seed),
    }
    ends |= {"mean": (0, 5), "log_likelihood": (0,)}
    assert {name: tuple(answer.shape) for name, answer in answers.items()} == ends
    if by_row:
        assert {value.shape[0] for value in without_rows.sample_prior(none, none).values()} == {0}
    filled = without_rows.sample_posterior(tf.constant(X), tf.constant(3), tf.constant(0))["z"]
    assert filled.shape == (3, 3, 2)
    assert np.isfinite(filled).all()


@pytest.fixture(scope="module")
def without_rows(tmp_path_factory):
    """A served model of data with missing entries."""
    folder = tmp_path_factory.mktemp("served")
    export_saved_model(build_tiny_model(2, missing=True), folder)
    return tf.saved_model.load(str(folder))
