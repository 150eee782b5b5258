"""Models with posteriors other than a diagonal Gaussian: trained, saved, served, and made from recipes."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import reference
import rme_tf
from definition import assert_same_gradients, recorded_gradients
from rme_tf import ELBO, ImportanceWeighted, RecursiveMixture
from rme_tf.algorithms import ALGORITHMS
from rme_tf.experiments.recipes import factories
from rme_tf.experiments.runs import runner
from rme_tf.posteriors import IAF, DiagLaplace, DiagStudentT, Householder, Sylvester
from rme_tf.serving.saved_model import Endpoints
from small_recipes import image_recipe
from test_export import answers_of_each

SMALL = {
    "householder": lambda **choices: Householder(2, **choices),
    "iaf": lambda **choices: IAF(2, units=(8,), context_size=3, **choices),
    "iaf, shared": lambda **choices: IAF(2, units=(8,), context_size=3, shared=True, **choices),
    "laplace": lambda **choices: DiagLaplace(2, **choices),
    "student_t": lambda **choices: DiagStudentT(2, df=4.0, **choices),
    "sylvester": lambda **choices: Sylvester(2, **choices),
}

every_name = pytest.mark.parametrize("name", sorted(SMALL))


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("algorithm", sorted(ALGORITHMS))
def test_every_algorithm_trains_the_weights_of_a_family_of_one_component(tiny_model, binary_data, algorithm):
    model = tiny_model(1, posterior=SMALL["iaf"]())
    before = [variable.numpy() for variable in model.trainable_variables]
    model.compile(keras.optimizers.SGD(0.1), ALGORITHMS[algorithm](warm_start_epochs=0))
    assert np.isfinite(model.fit(binary_data(8), verbose=0).history["loss"][0])
    for variable, value in zip(model.trainable_variables, before, strict=True):
        assert (variable.numpy() != value).any(), variable.path


@pytest.mark.slow
@every_name
def test_algorithms_agree_for_one_component(tiny_model, binary_data, name):
    """The ELBO takes the density with the draw, the recursion inverts the flow; sequential and joint."""
    model, x = tiny_model(1, posterior=SMALL[name](), spread=0.3), binary_data()
    expected = recorded_gradients(model, ELBO(), x)
    assert {v.path for v in model.trainable_variables} == set(expected)
    for rule in (RecursiveMixture(warm_start_epochs=0, update=update) for update in ("joint", "sequential")):
        assert_same_gradients(recorded_gradients(model, rule, x), expected, tolerance=1e-3)  # float32, inverted
    rule = ImportanceWeighted(num_samples=1)
    assert_same_gradients(recorded_gradients(model, rule, x), expected, tolerance=1e-5)


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
def test_several_components_share_the_weights_of_a_family_unless_the_recursion_trains_them(tiny_model, binary_data):
    model = tiny_model(2, posterior=SMALL["iaf"]())
    with pytest.raises(ValueError, match="without weights of its own.*2 of IAF.*ELBO"):
        model.compile("sgd", RecursiveMixture())
    for rule in (ELBO(), ImportanceWeighted(num_samples=2)):
        weights = [variable.numpy() for variable in model.posterior_family.trainable_variables]
        model.compile(keras.optimizers.SGD(0.1), rule)
        model.fit(binary_data(), verbose=0)
        moved = [np.abs(v.numpy() - w).max() for v, w in zip(model.posterior_family.weights, weights, strict=True)]
        assert min(moved) > 0.0


@pytest.mark.slow
@every_name
def test_a_mixture_of_them_evaluates_its_density_everywhere(tiny_model, binary_data, name):
    model, x = tiny_model(3, posterior=SMALL[name](), spread=0.3), binary_data()
    posterior = model.posterior(x)
    log_probs = model.log_probs(x, num_samples=4, seed=(0, 1))
    z = model.infer(x).sample_components(4, (0, 1))
    for m in range(3):
        mixed = tf.reduce_logsumexp(log_probs.log_alpha + log_probs.log_q_all[:, :, m], axis=-1)
        np.testing.assert_allclose(mixed, posterior.log_prob(z[:, :, m]), rtol=1e-4, atol=1e-4)  # float32, inverted


@pytest.mark.slow
@every_name
def test_the_importance_weighted_bound_is_log_p_of_x_by_quadrature(tiny_model, binary_data, name):
    """With a posterior wider than the true one, for which the weights have no heavy tail; and reports are finite."""
    model, x = tiny_model(1, posterior=SMALL[name](initial_scale=2.0), spread=0.2), binary_data(4)
    grid, weight = reference.grid_2d(7.0, 121)
    codes = np.broadcast_to(grid[:, None, None].astype("float32"), [len(grid), 4, 1, 2])  # S, B, M, D
    log_joint = np.asarray(sum(model.log_joint(x, codes)), np.float64)[..., 0]
    values = rme_tf.bounds(model, x, num_samples=5000, progress=False)
    expected = [reference.log_integral(log_joint[:, b], weight) for b in range(4)]
    np.testing.assert_allclose(values.log_likelihood, expected, atol=0.1)  # weights of order 1: 1.4% each
    assert (values.log_likelihood > values.elbo).all()
    report = rme_tf.collapse_report(model, x, num_samples=200)
    assert report.kl_per_dimension is None
    assert report.kl == pytest.approx(float(values.kl.mean()), abs=1.0)  # 800 draws
    summary = rme_tf.evaluation.summarize(model, x, values)
    assert all(np.isfinite(value) for key, value in summary.items() if key != "log_likelihood_standard_error")


@pytest.mark.slow
@every_name
def test_predictions_describe_the_posterior(tiny_model, binary_data, name):
    model, x = tiny_model(2, posterior=SMALL[name](), spread=0.3), binary_data(4)
    result = model.predict(x, verbose=0)
    draws = model.infer(x).sample_components(4000, (0, 1)).numpy()  # [S, B, M, D]
    # Exact, or estimated from 128 draws of which the affine part of the flow leaves no error.
    assert (np.abs(result["means"] - draws.mean(axis=0)) < 0.2 * draws.std(axis=0)).all()
    np.testing.assert_allclose(result["scales"], draws.std(axis=0), rtol=0.25)


@pytest.mark.slow
@every_name
@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_densities_are_float32_under_every_policy(binary_data, name, policy):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        model = rme_tf.VAE.from_names(
            encoder="mlp", decoder="mlp", input_shape=(5,), latent_dim=2, num_components=2, posterior=SMALL[name]()
        )
        model.compile("sgd", ELBO(), run_eagerly=True)
        assert np.isfinite(model.fit(binary_data(), verbose=0).history["loss"][0])
    finally:
        keras.config.set_dtype_policy(before)
    assert {weight.dtype for weight in model.posterior_family.weights} <= {"float32"}
    assert {term.dtype for term in model.log_probs(binary_data(), seed=(0, 1))} == {tf.float32}
    assert {value.dtype for value in model(binary_data()).values()} == {tf.float32}


@pytest.mark.slow
@every_name
def test_a_saved_model_is_the_same(tiny_model, binary_data, tmp_path, name):
    model, x = tiny_model(2, posterior=SMALL[name]()), binary_data()
    model.compile("sgd", ELBO(), run_eagerly=True)
    model.fit(x, verbose=0)
    model.save(tmp_path / "model.keras")
    model.save_weights(tmp_path / "model.weights.h5")
    other = tiny_model(2, posterior=SMALL[name](), seed=5)
    other.load_weights(tmp_path / "model.weights.h5")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.posterior_family.get_config() == model.posterior_family.get_config()
    expected = {**model(x), "drawn": model.posterior(x).sample(3, seed=(0, 1))}
    for again in (loaded, other):
        for key, value in {**again(x), "drawn": again.posterior(x).sample(3, seed=(0, 1))}.items():
            np.testing.assert_array_equal(value, expected[key], err_msg=key)


QUESTIONS = """
answers["drawn"] = served.sample_posterior(x, 5, 7)["z"]
answers["log_likelihood"] = served.log_likelihood(x, 100, 7)["log_likelihood"]
"""


SERVED = [
    ("householder", 2),
    ("iaf", 1),
    ("iaf", 2),
    ("iaf, shared", 3),
    ("laplace", 2),
    ("student_t", 2),
    ("sylvester", 2),
]  # family, components


@pytest.fixture(scope="module")
def served(tiny_model, tmp_path_factory):
    """Returns each model, observations, and what another process that serves them all makes of it."""
    x = np.random.default_rng(1).integers(0, 2, size=(3, 5)).astype("float32")
    models = {
        tmp_path_factory.mktemp(f"{name}_{count}_".replace(", ", "_")): (
            tiny_model(count, posterior=SMALL[name](), spread=0.3),
            x,
        )
        for name, count in SERVED
    }
    answers = answers_of_each(models, QUESTIONS)
    return {case: (*models[folder], answers[folder]) for case, folder in zip(SERVED, models, strict=True)}


@pytest.mark.slow
@pytest.mark.parametrize("case", SERVED, ids=str)
def test_the_served_answers_are_the_models(served, case):
    model, x, answers = served[case]
    expected = {**model(x), "drawn": model.posterior(x).sample(5, seed=(7, 0))}
    expected["log_likelihood"] = Endpoints(model, 50).log_likelihood(tf.constant(x), 100, 7)["log_likelihood"]
    for key, value in expected.items():
        np.testing.assert_allclose(answers[key], value, rtol=1e-3, atol=1e-3, err_msg=key)  # float32, fused otherwise


@pytest.mark.slow
@pytest.mark.parametrize("name", ["iaf", "iaf, shared"])
def test_xla_compiles_the_step_for_batches_of_any_size(tiny_model, binary_data, name):
    """Of two components, whose weights the recursion trains or refuses; test_xla.py has all other families."""
    model = tiny_model(2, posterior=SMALL[name]())
    rule = RecursiveMixture(warm_start_epochs=0) if "shared" in name else ELBO()
    model.compile(keras.optimizers.SGD(0.1), rule, jit_compile=True)
    history = model.fit(binary_data(6), batch_size=4, epochs=2, verbose=0).history  # 4 rows, then 2
    assert np.isfinite(history["loss"]).all()


# Recipes.


def test_a_recipe_says_how_many_transforms():
    assert factories.make_posterior(image_recipe(posterior="iaf", flow_steps=3, latent_dim=4)).num_steps == 3
    assert factories.make_posterior(image_recipe(posterior="householder", flow_steps=5)).num_reflections == 5
    assert factories.make_posterior(image_recipe(posterior="sylvester")).num_steps == 2
    assert factories.make_posterior(image_recipe(latent_dim=3)).latent_dim == 3
    words = ["--posterior", "iaf", "--components", "1", "--algorithm", "elbo", "--flow-steps", "2"]
    assert rme_tf.experiments.parse(image_recipe(), args=words).option("posterior.num_steps") == 2


@pytest.mark.parametrize("choices", [{"flow_steps": 2}, {"posterior": "iaf", "flow_steps": 0}])
def test_a_number_of_transforms_that_means_nothing_is_refused(choices):
    with pytest.raises(ValueError, match="num_steps"):
        image_recipe(**choices)


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("choice", [{"posterior": "iaf"}, {"refinement": "iai", "refinement_steps": 1}], ids=str)
def test_the_weights_of_a_family_or_a_refinement_count_as_inference(tmp_path, choice):
    networks = {"encoder": "mlp", "decoder": "mlp", "latent_dim": 2}
    recipe = image_recipe(
        dataset="digits",
        components=1,
        algorithm="elbo",
        importance_samples=4,
        train_size=8,
        test_size=8,
        batch_size=8,
        out=str(tmp_path),
        **networks,
        **choice,
    )
    task = recipe.load()
    model = factories.make_model(recipe, task.model_options)
    metrics = runner.assess(recipe, model, task)
    assert metrics["inference_parameters"] + metrics["generative_parameters"] == sum(
        np.prod(variable.shape) for variable in model.trainable_variables
    )


def test_weights_that_do_not_train_count_on_neither_side():
    """Moving averages of an encoder, say; a decoder's never did."""
    recipe = image_recipe(dataset="digits", components=2, encoder="mlp", decoder="mlp", latent_dim=2)
    task = recipe.load()
    models = [
        factories.make_model(recipe, {**task.model_options, "encoder_options": {"units": (3,), **more}})
        for more in ({}, {"mean_scale": 0.5})
    ]
    assert models[1].count_params() > models[0].count_params()
    assert len(models[1].non_trainable_variables) > len(models[0].non_trainable_variables)
    counts = [runner.assess(recipe, model, task._replace(evaluations={})) for model in models]
    assert counts[0]["generative_parameters"] == counts[1]["generative_parameters"]
    for model, count in zip(models, counts, strict=True):
        inference = sum(np.prod(v.shape) for encoder in model.encoders for v in encoder.trainable_variables)
        assert count["inference_parameters"] == inference
