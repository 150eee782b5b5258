"""Models of data with missing entries: training, inference, evaluation, files."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import rme_tf
from rme_tf.algorithms import ALGORITHMS
from rme_tf.evaluation.likelihood_bounds import summarize
from rme_tf.likelihoods import Bernoulli, Observed
from rme_tf.models.description import call_of
from rme_tf.networks import mlp_encoder

PIXELS, ROWS = 5, 8
PIXELCNN = {"decoder": "pixelcnn", "decoder_options": {"num_layers": 2, "filters": 4}}


@pytest.fixture
def hidden(rng):
    """Binary observations [8, 5], half of the entries missing, and one row without any."""
    x = rng.integers(0, 2, size=(ROWS, PIXELS)).astype("float32")
    seen = rng.random(x.shape) < 0.5
    seen[0], seen[1] = True, False
    return rme_tf.hide(x, seen)


@pytest.fixture
def model(tiny_model):
    return tiny_model(missing=True)


def finite(model):
    return all(np.isfinite(weight).all() for weight in model.get_weights())


CHOICES = {
    **{name: {"algorithm": name} for name in ALGORITHMS},
    "two components drawn": {"algorithm": rme_tf.RecursiveMixture(components_per_step=2), "num_components": 3},
    "free bits": {"algorithm": rme_tf.ELBO(free_bits=rme_tf.FreeBits(nats=0.5))},
    "aggressive": {"algorithm": rme_tf.ELBO(aggressive=rme_tf.Aggressive())},
    "learned mixing": {"mixing": "learned"},
    "shared trunk": {"trunk": "shared"},
    "amortised trunk": {"trunk": "amortised"},
    "semi-amortised": {"algorithm": "elbo", "refinement": "sa", "refinement_options": {"steps": 1}},
    "iterative": {"algorithm": "elbo", "refinement": "iai", "refinement_options": {"steps": 1, "units": (4,)}},
    "VampPrior": {"prior": "vamp", "prior_options": {"num_components": 2}},
    "without the mask": {"missing_options": {"mask": False, "fill": 0.5}},
}


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("choice", sorted(CHOICES))
def test_a_training_on_half_hidden_data_stays_finite(choice, tiny_model, hidden):
    choices = dict(CHOICES[choice])
    algorithm = choices.pop("algorithm", "recursive_mixture")
    model = tiny_model(**{"missing": True, **choices})
    if model.prior.uses_posterior:
        model.prior.initialize(hidden)
    model.compile(keras.optimizers.SGD(0.1), algorithm)
    before = model.get_weights()
    logs = model.train_on_batch(hidden, return_dict=True)
    assert np.isfinite([logs[name] for name in ("loss", "elbo", "reconstruction", "kl")]).all()
    assert finite(model)
    assert any((old != new).any() for old, new in zip(before, model.get_weights(), strict=True))


@pytest.mark.slow
def test_fit_improves_on_half_hidden_data(tiny_model, rng):
    x = np.repeat(rng.integers(0, 2, size=(2, PIXELS)), 32, axis=0).astype("float32")
    x = rme_tf.hide(x, rng.random(x.shape) < 0.5)
    model = tiny_model(missing=True)
    model.compile(keras.optimizers.SGD(0.5), rme_tf.RecursiveMixture(warm_start_epochs=1), run_eagerly=True)
    history = model.fit(x, epochs=5, batch_size=16, verbose=0, validation_data=x).history
    assert history["val_elbo"][-1] > history["val_elbo"][0] + 0.5
    batches = tf.data.Dataset.from_tensor_slices((np.nan_to_num(x), ~np.isnan(x))).batch(16).map(rme_tf.hide)
    again = model.evaluate(batches, return_dict=True, verbose=0)
    assert again["elbo"] == pytest.approx(model.evaluate(x, batch_size=16, return_dict=True, verbose=0)["elbo"])


def test_the_encoders_are_told_what_is_seen(model):
    x = np.zeros((1, PIXELS), "float32")
    missing = rme_tf.hide(x, np.arange(PIXELS) > 1)
    means = [model(values)["means"].numpy() for values in (x, missing)]
    assert (means[0] != means[1]).all()


def test_complete_data_have_the_numbers_of_a_model_without_missing_entries(tiny_model, binary_data):
    x, complete = binary_data(), tiny_model(seed=3)
    model = tiny_model(seed=3, missing=True, missing_options={"mask": False})
    model.set_weights(complete.get_weights())
    for found, expected in zip(model.log_probs(x, seed=1), complete.log_probs(x, seed=1), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_the_mask_of_a_row_does_not_touch_other_rows(model, hidden):
    other = hidden.copy()
    other[0] = np.nan
    for name, value in model(hidden).items():
        np.testing.assert_allclose(value[1:], model(other)[name][1:], rtol=1e-5)


def test_a_row_without_any_entry_has_log_likelihood_near_zero(model, hidden):
    bounds = rme_tf.bounds(model, hidden, num_samples=4000, progress=False)
    assert np.isfinite(bounds.log_likelihood).all()
    assert bounds.log_likelihood[1] == pytest.approx(0.0, abs=0.05)  # of p(z), by samples of Q
    assert bounds.reconstruction[1] == 0.0
    assert np.isnan(summarize(model, hidden, bounds)["bits_per_dimension"])


def test_diagnostics_count_what_is_seen(model, hidden):
    report = rme_tf.collapse_report(model, hidden, num_samples=4, batch_size=4)
    assert np.isfinite([report.reconstruction, report.prior_log_likelihood, report.reliance, report.kl]).all()
    without = rme_tf.collapse_report(model, np.full_like(hidden, np.nan))
    assert without.reconstruction == without.prior_log_likelihood == 0.0


def test_nan_is_refused_elsewhere_with_the_remedy(tiny_model, hidden):
    model = tiny_model()
    model.compile("sgd", "elbo", run_eagerly=True)
    remedy = r"with nan among its values .* If NaN is a missing entry, build the model with `missing=True`\."
    with pytest.raises(ValueError, match=remedy):
        model.infer(hidden)
    for data in (hidden, tf.data.Dataset.from_tensor_slices(hidden).batch(4)):
        with pytest.raises(ValueError, match=remedy):
            model.fit(data, verbose=0)


def test_a_ready_encoder_reads_the_mask_too(tiny_model, hidden):
    with pytest.raises(ValueError, match=r"encoder 0 reads x .* a mask.*: expected inputs of shape \(10,\)"):
        tiny_model(1, missing=True, encoder=mlp_encoder((PIXELS,), 4, units=(3,)))
    model = tiny_model(2, missing=True, encoder=mlp_encoder((2 * PIXELS,), 4, units=(3,)))
    assert np.isfinite(model(hidden)["means"]).all()
    alone = {"encoder": mlp_encoder((PIXELS,), 4, units=(3,)), "missing_options": {"mask": False}}
    assert np.isfinite(tiny_model(1, missing=True, **alone)(hidden)["means"]).all()


def test_a_likelihood_of_missing_entries_is_an_instance_too(tiny_model, hidden):
    model = tiny_model(likelihood=Observed(Bernoulli((PIXELS,)), fill=np.full(PIXELS, 0.5)))
    assert np.isfinite(model(hidden)["means"]).all()


def test_a_description_names_the_likelihood_of_the_seen_entries():
    assert call_of(Observed(Bernoulli((3,)))) == "Observed(likelihood=Bernoulli)"
    filled = Observed(Bernoulli((3, 4)), fill=np.zeros((3, 4)), mask=False)
    assert call_of(filled) == "Observed(likelihood=Bernoulli, mask=False, fill=[12 numbers])"


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"missing": 1}, "`missing` must be True or False. Received: 1"),
        ({"missing_options": {"fill": 0.0}}, "`missing_options` must be left out without `missing=True`"),
        ({"missing": True, "missing_options": {"fil": 0.0}}, "Unknown `missing_options`.* Did you mean 'fill'"),
        (
            {"missing": True, "missing_options": {"likelihood": 0.0}},
            "Expected some of: 'fill', 'mask'",
        ),
        (
            {"missing": True, "likelihood": Observed(Bernoulli((PIXELS,)))},
            "of complete observations. Received: Observed",
        ),
        ({"missing": True, "input_shape": (4, 4, 1), **PIXELCNN}, "Missing entries need a decoder of z alone"),
    ],
    ids=["flag", "options", "typing error", "likelihood", "twice", "pixelcnn"],
)
def test_what_does_not_fit_missing_entries_is_refused(choices, message, tiny_model):
    with pytest.raises(ValueError, match=message):
        tiny_model(**choices)


@pytest.mark.slow
def test_files_answer_as_the_model(tiny_model, hidden, tmp_path):
    model = tiny_model(missing=True, likelihood="normal", missing_options={"fill": np.full(PIXELS, 0.3)})
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    rme_tf.export_saved_model(model, tmp_path / "served")
    served = tf.saved_model.load(str(tmp_path / "served"))
    expected = rme_tf.impute(model, hidden, 3, seed=7)
    np.testing.assert_allclose(rme_tf.impute(loaded, hidden, 3, seed=7), expected, atol=1e-5)
    np.testing.assert_allclose(served.impute(hidden, 3, 7)["x"], expected, atol=1e-5)
    for answer in (loaded(hidden), served.encode(hidden)):
        for name, value in model(hidden).items():
            np.testing.assert_allclose(answer[name], value, atol=1e-5)
    hidden[0, 0] = 200.0
    imputed = served.signatures["impute"](x=tf.constant(hidden), num_samples=tf.constant(2), seed=tf.constant(0))["x"]
    assert np.isnan(imputed[:, 0]).all()
    assert np.isfinite(imputed[:, 1:]).all()
