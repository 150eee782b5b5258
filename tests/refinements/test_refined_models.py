"""Refinements as choices, and the life of a model that has one: trained, saved, loaded, exported."""

import keras
import numpy as np
import pytest

import rme_tf
from rme_tf.refinements import REFINEMENTS, Refinement, as_refinement
from test_export import answers_of_each

every_refinement = pytest.mark.parametrize("name", sorted(REFINEMENTS))
OPTIONS = {"sa": {"steps": 2}, "dsvi": {"steps": 2}, "iai": {"steps": 2, "units": (8,)}}
QUESTIONS = """
answers["row"] = served.encode(x[2:3])["means"]
answers["drawn"] = served.sample_posterior(x, 5, 7)["z"]
answers["reconstructed"] = served.reconstruct(x, 7)["mean"]
answers["log_likelihood"] = served.log_likelihood(x, 200, 7)["log_likelihood"]
"""


def small_model(name):
    return rme_tf.VAE.from_names(
        encoder="conv",
        decoder="conv",
        input_shape=(4, 4, 1),
        latent_dim=2,
        num_components=2,
        refinement=name,
        refinement_options=OPTIONS[name],
        encoder_options={"filters": (3,)},
        decoder_options={"filters": (3,)},
        seed=0,
    )


@pytest.fixture(scope="module")
def images():
    return (np.random.default_rng(1).random((7, 4, 4, 1)) > 0.5).astype(np.float32)


@pytest.fixture(scope="module")
def served(images, tmp_path_factory):
    """Returns each trained model, its validation losses, and what another process that serves all makes of it."""
    models, losses = {}, {}
    for name in sorted(REFINEMENTS):
        model = small_model(name)
        eager = name == "dsvi"  # whose loop is that of "sa"
        model.compile(keras.optimizers.SGD(0.1, momentum=0.9), "elbo", run_eagerly=eager)
        history = model.fit(images, validation_data=images, batch_size=4, epochs=2, verbose=0).history
        losses[name] = history["val_loss"]
        models[tmp_path_factory.mktemp(name)] = (model, images)
    answers = answers_of_each(models, QUESTIONS)
    return {
        name: (model, losses[name], answers[folder])
        for name, (folder, (model, _)) in zip(losses, models.items(), strict=True)
    }


@pytest.mark.slow
@every_refinement
@pytest.mark.usefixtures("eagerly")
def test_a_trained_model_is_saved_loaded_and_served(served, name, images, tmp_path):
    """By a process that can import TensorFlow alone: the steps, gradients and all, are in the graph."""
    model, losses, answers = served[name]
    assert np.isfinite(losses).all()

    means = model(images)["means"]
    np.testing.assert_allclose(answers["means"], means, atol=1e-5)
    np.testing.assert_allclose(answers["row"], means[2:3], atol=1e-5)
    np.testing.assert_allclose(answers["drawn"], model.posterior(images).sample(5, seed=(7, 0)), atol=1e-5)
    np.testing.assert_allclose(answers["reconstructed"], model.reconstruct(images, seed=(7, 0)), atol=1e-5)
    assert np.isfinite(answers["log_likelihood"]).all()

    path = tmp_path / "model.keras"
    model.save(path)
    loaded = keras.saving.load_model(path)
    assert loaded.refinement.get_config() == model.refinement.get_config()
    np.testing.assert_array_equal(loaded(images)["means"], model(images)["means"])
    state = model.seed_generator.state.numpy()
    for each in (model, loaded):  # resumed, optimizer and all
        each.seed_generator.state.assign(state)
        each.fit(images[:4], batch_size=4, epochs=1, shuffle=False, verbose=0)
    for a, b in zip(model.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


@pytest.mark.parametrize("name", ["dsvi", "sa"])
def test_unrolled_steps_are_those_of_the_loop(name, images):
    model, ends = small_model(name), []
    for unrolled in (False, True):
        model.jit_compile = unrolled  # which XLA needs; here nothing is compiled
        ends.append(model.encode(images, seed=(1, 2)).params)
    np.testing.assert_allclose(ends[0], ends[1], atol=1e-5)
    assert np.abs(ends[0] - model.amortised(images).params).max() > 1e-2


@pytest.mark.slow
def test_a_report_of_collapse_takes_the_refined_posterior(tiny_model, binary_data):
    x, plain = binary_data(batch=6), tiny_model(2)
    model = tiny_model(2, refinement="dsvi", refinement_options={"steps": 5, "learning_rate": 0.1})
    before, after = (rme_tf.collapse_report(each, x, num_samples=2) for each in (plain, model))
    assert after.kl != before.kl
    assert np.isfinite(list(after.as_dict().values())).all()


# Choices.


@every_refinement
def test_refinements_survive_their_configuration(name):
    refinement = REFINEMENTS[name](num_samples=3, **{**OPTIONS[name], "steps": 2})
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(refinement))
    assert copy.get_config() == refinement.get_config()


@every_refinement
def test_the_recursion_refuses_a_refined_model(name, tiny_model):
    with pytest.raises(ValueError, match="algorithm='elbo'"):
        tiny_model(2, refinement=name, refinement_options=OPTIONS[name]).compile("sgd", "recursive_mixture")


@pytest.mark.parametrize(
    ("name", "choices", "message"),
    [
        ("sa", {"steps": -1}, "steps"),
        ("iai", {"steps": 1.5}, "steps"),
        ("dsvi", {"num_samples": 0}, "num_samples"),
        ("sa", {"learning_rate": 0.0}, "learning_rate"),
        ("sa", {"clip_norm": -1.0}, "clip_norm"),
        ("dsvi", {"momentum": 1.0}, "momentum"),
        ("newton", {}, "'dsvi', 'iai', 'sa'"),
        (None, {"steps": 1}, "by name"),
    ],
)
def test_a_choice_out_of_range_raises(name, choices, message):
    with pytest.raises(ValueError, match=message):
        as_refinement(name, 4, choices)


def test_the_base_class_leaves_the_method_to_subclasses():
    for member, arguments in (("path", (None, None, None, None)), ("objective", (None, None, None))):
        with pytest.raises(NotImplementedError):
            getattr(Refinement(1), member)(*arguments)
