"""Images drawn pixel by pixel: as the log-likelihood says, whatever the likelihood, and wherever the model goes."""

import gc
import itertools
import weakref

import keras
import numpy as np
import pytest
import tensorflow as tf

import rme_tf
from rme_tf import generate
from rme_tf.algorithms import ALGORITHMS
from rme_tf.generation.sequences import Generation
from rme_tf.likelihoods import LIKELIHOODS, Bernoulli, Normal
from test_export import answers_of

D = 2
ONE_LAYER = {"num_layers": 1, "conditioning": "bias"}  # where the network does not matter
LEVELS = (np.arange(256) / 255).astype("float32")
IMAGES = sorted(set(LIKELIHOODS) - {"categorical_sequence", "columns"})
DRAWN = [(name, (3, 4, 1)) for name in IMAGES]
# Channels of real values and counts are like any other entries.
DRAWN += [(name, (3, 4, 3)) for name in IMAGES if LIKELIHOODS[name].values not in ("counts", "real")]


def pixel_model(num_components=1, *, shape=(2, 2, 1), likelihood="bernoulli", spread=1.0, network=None, **choices):
    """A VAE with a small PixelCNN, its weights far from where training starts; `network` are options of that."""
    keras.utils.set_random_seed(0)
    model = rme_tf.VAE.from_names(
        encoder="mlp",
        decoder="pixelcnn",
        input_shape=shape,
        latent_dim=D,
        num_components=num_components,
        likelihood=likelihood,
        encoder_options={"units": (4,)},
        decoder_options={"num_layers": 2, "filters": 4, "first_kernel_size": 3, **(network or {})},
        seed=0,
        **choices,
    )
    for index, variable in enumerate(model.decoder.trainable_variables):
        variable.assign_add(spread * tf.random.stateless_normal(variable.shape, seed=(1, index)))
    return model


@pytest.fixture(scope="module")
def drawn_from():
    """A model that its tests draw from and do not change: what is compiled for one of them is there for the next."""
    return pixel_model(shape=(4, 5, 1))


def codes(number=3):
    return tf.random.stateless_normal([number, D], seed=(4, 4))


def binary(batch, shape):
    return np.random.default_rng(0).integers(0, 2, size=(batch, *shape)).astype("float32")


def probabilities(model, z, images):
    """p(x|z) of every image, for one code [1, D]."""
    params = model.likelihood_params(tf.repeat(z, len(images), axis=0), tf.constant(images))
    return np.exp(np.asarray(model.likelihood.log_prob(params, images), float))


@pytest.mark.slow
def test_the_probabilities_of_all_images_sum_to_one_and_are_the_frequencies_of_the_draws():
    model, draws = pixel_model(), 20_000
    images = np.array(list(itertools.product([0, 1], repeat=4)), "float32").reshape(-1, 2, 2, 1)
    for z in tf.split(codes(), 3):
        expected = probabilities(model, z, images)
        assert expected.sum() == pytest.approx(1.0, abs=1e-5)
        assert expected.max() < 0.9  # there is something to draw
        drawn = np.asarray(generate(model, tf.repeat(z, draws, axis=0), seed=(5, 6)))
        index = drawn.reshape(draws, 4) @ [8, 4, 2, 1]
        counts = np.bincount(index.astype(int), minlength=16)
        error = np.sqrt(draws * expected * (1 - expected))
        assert (np.abs(counts - draws * expected) <= 5 * error + 1).all()  # five standard deviations


@pytest.mark.slow
@pytest.mark.parametrize("likelihood", ["categorical_pixels", "discretized_logistic", "discretized_logistic_mixture"])
def test_draws_of_levels_have_the_moments_of_their_probabilities(likelihood):
    """Of two pixels: all 65,536 pairs sum to one, and give the means of the pixels and of their product."""
    model, draws = pixel_model(shape=(1, 2, 1), likelihood=likelihood, spread=0.5, network=ONE_LAYER), 20_000
    pairs = np.stack(np.meshgrid(LEVELS, LEVELS, indexing="ij"), axis=-1).reshape(-1, 1, 2, 1)
    expected = probabilities(model, codes(1), pairs)
    assert expected.sum() == pytest.approx(1.0, abs=1e-4)
    drawn = np.asarray(generate(model, tf.repeat(codes(1), draws, axis=0), seed=(5, 6)))
    for moment in (lambda x: x[:, 0, 0, 0], lambda x: x[:, 0, 1, 0], lambda x: x[:, 0, 0, 0] * x[:, 0, 1, 0]):
        mean = np.sum(expected * moment(pairs))
        variance = np.sum(expected * (moment(pairs) - mean) ** 2)
        assert moment(drawn).mean() == pytest.approx(mean, abs=5 * np.sqrt(variance / draws) + 1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(("likelihood", "shape"), DRAWN, ids=str)
def test_every_likelihood_of_images_is_drawn_from(likelihood, shape):
    model = pixel_model(2, shape=shape, likelihood=likelihood, spread=0.1, network=ONE_LAYER)
    x = binary(3, shape)
    images = model.reconstruct(x)
    assert images.shape == x.shape
    assert images.dtype == tf.float32
    kind = LIKELIHOODS[likelihood]
    # Other densities leave [0, 1].
    if likelihood == "continuous_bernoulli" or not kind.bits_offset or kind.values in ("counts", "real"):
        model.likelihood.check(np.asarray(images))
    log_lik = model.log_probs(tf.constant(x), num_samples=2, seed=(0, 1)).log_lik
    assert log_lik.shape == (2, 3, 2)
    assert np.isfinite(log_lik).all()


@pytest.mark.slow
def test_components_and_samples_fold_into_the_batch():
    model = pixel_model(3, shape=(3, 4, 1), network=ONE_LAYER)
    x, z = binary(2, (3, 4, 1)), tf.random.stateless_normal([4, 2, 3, D], seed=(0, 1))
    log_lik = np.asarray(model.log_joint(x, z)[0])
    for s, b, m in np.ndindex(4, 2, 3):
        params = model.decoder([z[s, b, m][None], x[b][None]])[0]
        logits = np.asarray(params, float)
        expected = np.sum(x[b] * logits - np.log1p(np.exp(logits)))
        assert log_lik[s, b, m] == pytest.approx(expected, rel=1e-4)


@pytest.mark.slow
def test_seeds_reproduce_draws_and_pixels_have_noise_of_their_own(drawn_from):
    model = drawn_from
    first, second, other = (
        np.asarray(model.render(tf.repeat(codes(1), 40, axis=0), seed=seed)) for seed in [(0, 1), (0, 1), (0, 2)]
    )
    np.testing.assert_array_equal(first, second)
    assert (first != other).any()
    assert len(np.unique(first.reshape(40, -1), axis=0)) > 30
    seeds = [np.asarray(model.sample(6, seed)) for seed in [(3, 0), (3, 0), (4, 0)]]
    np.testing.assert_array_equal(seeds[0], seeds[1])
    assert (seeds[0] != seeds[2]).any()


@pytest.mark.slow
def test_a_progress_bar_over_rows_changes_nothing(drawn_from, capsys):
    model = drawn_from
    silent = np.asarray(generate(model, codes()))
    assert capsys.readouterr().err == ""
    shown = np.asarray(generate(model, codes(), verbose=True))
    assert "/4" in capsys.readouterr().err
    np.testing.assert_array_equal(shown, silent)
    in_graph = tf.function(lambda z: generate(model, z, verbose=True))
    np.testing.assert_array_equal(in_graph(codes()), silent)


@pytest.mark.slow
def test_it_compiles_with_xla(drawn_from):
    model = drawn_from
    images = np.asarray(tf.function(lambda z: generate(model, z), jit_compile=True)(codes()))
    model.likelihood.check(images)


@pytest.mark.slow
def test_what_was_compiled_for_a_model_goes_with_it():
    def reference_to_one_that_has_drawn():
        model = pixel_model(network=ONE_LAYER)
        generate(model, codes())
        return weakref.ref(model)

    reference = reference_to_one_that_has_drawn()
    gc.collect()
    assert reference() is None


def test_weights_that_changed_since_are_those_that_draw():
    model = pixel_model(network=ONE_LAYER)
    generate(model, codes())
    model.decoder.outputs_of.bias.assign([50.0])
    np.testing.assert_array_equal(generate(model, codes()), np.ones((3, 2, 2, 1)))


# Refused.


@pytest.mark.parametrize("scale", ["per_image", "per_pixel"])
def test_a_scale_that_a_pixel_alone_does_not_know_is_refused(scale):
    with pytest.raises(ValueError, match=f"'decoded', 'fixed' or 'shared'.*'{scale}'"):
        pixel_model(likelihood=Normal((2, 2, 1), scale=scale))


def test_a_likelihood_with_weights_says_how_a_pixel_is_drawn():
    class Own(Bernoulli):
        def __init__(self, event_shape, **kwargs):
            super().__init__(event_shape, **kwargs)
            self.tilt = self.add_weight(name="tilt", shape=())

    with pytest.raises(ValueError, match="Own has weights.*`of_pixel`"):
        pixel_model(likelihood=Own((2, 2, 1)))


def test_options_of_sequences_are_refused():
    model = pixel_model(network=ONE_LAYER)
    for choices in ({"strategy": "greedy"}, {"max_length": 3}, {"options": Generation()}):
        with pytest.raises(ValueError, match=f"no option but `verbose`.*{next(iter(choices))}"):
            generate(model, codes(), **choices)


def test_decoding_needs_what_the_decoder_sees():
    with pytest.raises(ValueError, match="needs `x` beside z"):
        pixel_model(network=ONE_LAYER).decode(codes())


# Life of a model.


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(ALGORITHMS))
def test_every_algorithm_trains_it(name, eagerly):
    model = pixel_model(2, shape=(3, 4, 1), spread=0.0)
    options = {"warm_start_epochs": 0} if name != "importance_weighted" else {}
    before = [variable.numpy() for variable in model.trainable_variables]
    model.compile("sgd", ALGORITHMS[name](**options))
    history = model.fit(binary(8, (3, 4, 1)), batch_size=8, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    moved = [np.any(old != new) for old, new in zip(before, model.trainable_variables, strict=True)]
    assert np.mean(moved) > 0.9


@pytest.mark.slow
def test_it_learns_what_pixels_say_of_each_other(tmp_path):
    """Rows of equal pixels: given the first pixel of each, the others are certain; then to disk and back."""
    x = np.repeat(binary(64, (4, 1, 1)), 4, axis=2)
    model = pixel_model(2, shape=(4, 4, 1), spread=0.0, network={"num_layers": 1})
    model.compile(keras.optimizers.Adam(0.03), rme_tf.RecursiveMixture(warm_start_epochs=0), jit_compile=True)
    elbo = model.fit(x, epochs=25, batch_size=32, verbose=0).history["elbo"][-1]
    assert elbo > -4 * np.log(2) - 1.0  # independent pixels: -16 log 2, less what z says
    images = np.asarray(model.sample(50))
    assert np.mean(np.ptp(images, axis=2) == 0) > 0.9
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.sample(50), images)
    terms = [each.log_probs(tf.constant(x[:4]), seed=(0, 1)).log_lik for each in (model, loaded)]
    np.testing.assert_allclose(*terms, rtol=1e-6)
    result = rme_tf.bounds(model, x[:8], num_samples=20, progress=False)
    assert np.isfinite(result.log_likelihood).all()


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_scores_in_32_bits(policy, eagerly, tmp_path):
    keras.config.set_dtype_policy(policy)
    try:
        model = pixel_model(2, shape=(2, 3, 1), spread=0.2)
    finally:
        keras.config.set_dtype_policy("float32")
    x, z = binary(3, (2, 3, 1)), codes()
    model.compile("sgd", rme_tf.RecursiveMixture(warm_start_epochs=0))
    assert np.isfinite(model.fit(x, epochs=1, verbose=0).history["loss"]).all()
    assert {term.dtype for term in model.log_probs(tf.constant(x), seed=(0, 1))} == {tf.float32}
    whole = model.decoder([z, x])
    assert whole.dtype == tf.float32
    assert model.decoder.hidden.compute_dtype == policy.removeprefix("mixed_")
    state, previous = model.decoder.initial_state(z), tf.zeros([3, 1])
    for row, column in np.ndindex(2, 3):
        params, state = model.decoder.step(previous, state, z)
        np.testing.assert_allclose(tf.cast(params - whole[:, row, column], tf.float32), 0.0, atol=0.05)
        previous = x[:, row, column]
    model.likelihood.check(np.asarray(model.render(z)))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")  # under float32, which is not its policy
    np.testing.assert_allclose(tf.cast(loaded.decoder([z, x]) - whole, tf.float32), 0.0, atol=0.05)
    assert loaded.render(z).shape == (3, 2, 3, 1)


QUESTIONS = """
answers["reconstructed"] = served.reconstruct(x, 7)["pixels"]
answers["decoded"] = served.decode(answers["means"][:, 0])["pixels"]
answers["prior"] = served.sample_prior(4, 7)["pixels"]
answers["log_likelihood"] = served.log_likelihood(x, 200, 7)["log_likelihood"]
"""


@pytest.mark.slow
def test_the_served_model_draws_the_models_images(tmp_path):
    model, x = pixel_model(2, shape=(3, 4, 1), network={"num_layers": 1}), binary(5, (3, 4, 1))
    model.sample(2)  # compiled before, which must not be in the way
    answers = answers_of(model, x, QUESTIONS, tmp_path)
    np.testing.assert_array_equal(answers["reconstructed"], model.reconstruct(x, seed=(7, 0)))
    np.testing.assert_array_equal(answers["decoded"], model.render(tf.constant(answers["means"][:, 0])))
    np.testing.assert_array_equal(answers["prior"], model.sample(4, seed=(7, 0)))
    expected = rme_tf.bounds(model, x, num_samples=200, progress=False).log_likelihood
    np.testing.assert_allclose(answers["log_likelihood"], expected, atol=1.0)
