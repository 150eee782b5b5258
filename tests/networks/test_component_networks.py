"""One network for all components: whose objective moves what, what each component sees, its life on disk."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import rme_tf
from definition import (
    UPDATES,
    Definition,
    algorithm,
    assert_same_gradients,
    gradients_by_definition,
    recorded_gradients,
)
from rme_tf import VAE
from rme_tf.networks import COMPONENT_NETWORKS, AmortisedComponents, ConditionedComponents, mlp_encoder
from test_export import answers_of_each

every_kind = pytest.mark.parametrize("kind", sorted(COMPONENT_NETWORKS))
PIXELS, LATENT = 5, 2
SMALL = {"units": (4,), "activation": "tanh"}
PARTS = {
    "encoder": "mlp",
    "encoder_options": SMALL,
    "decoder": "mlp",
    "decoder_options": SMALL,
    "input_shape": (PIXELS,),
    "latent_dim": LATENT,
    "trunk_options": {"units": 6},
    "seed": 0,
}


def network(kind, num_components=3, units=6):
    features = mlp_encoder((PIXELS,), None, units=(4,), activation="tanh")
    return COMPONENT_NETWORKS[kind](features, num_components, 2 * LATENT, units=units, activation="tanh")


def shaken(made, rng):
    """With generic weights: zero biases hide mistakes."""
    for variable in made.weights:
        variable.assign(variable.numpy() + 0.4 * rng.normal(size=variable.shape))
    return made


# What a component sees.


@every_kind
def test_the_first_components_do_not_depend_on_how_many_there_are(kind, rng):
    made, x = shaken(network(kind), rng), rng.normal(size=(7, PIXELS)).astype(np.float32)
    every = made(x)
    assert every.shape == (7, 3, 2 * LATENT)
    for count in (1, 2):
        np.testing.assert_allclose(made(x, num_components=count), every[:, :count], rtol=1e-6)
    gaps = [np.abs(every[:, i] - every[:, j]).max() for i, j in ((0, 1), (0, 2), (1, 2))]
    assert min(gaps) > 1e-2


def derivative_of_later(made, x, watched):
    """d params_2 / d a variable, its largest entry."""
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(tf.sin(made(x)[:, 2]))
    gradient = tape.gradient(value, watched.value)
    return 0.0 if gradient is None else np.abs(tf.convert_to_tensor(gradient)).max()


def test_a_conditioned_component_sees_those_before_and_does_not_move_them(rng):
    made, x = shaken(network("conditioned"), rng), tf.constant(rng.normal(size=(7, PIXELS)), tf.float32)
    before, last = made(x).numpy(), made.last[1].bias
    assert derivative_of_later(made, x, last) == 0.0
    assert derivative_of_later(made, x, made.last[2].bias) > 0.1
    last.assign(last + 1.0)
    moved = np.abs(made(x).numpy() - before).max(axis=(0, 2))
    assert moved[0] == 0.0
    assert min(moved[1:]) > 1e-2


def test_an_amortised_component_is_told_by_its_code_alone(rng):
    made, x = shaken(network("amortised"), rng), rng.normal(size=(7, PIXELS)).astype(np.float32)
    hidden = made.network(x) @ made.hidden.kernel + made.hidden.bias
    expected = np.tanh(hidden[:, None] + made.codes) @ made.last.kernel.numpy() + made.last.bias
    np.testing.assert_allclose(made(x), expected, rtol=1e-4, atol=1e-5)
    sizes = [network("amortised", count).count_params() for count in (1, 101)]
    assert sizes[1] - sizes[0] == 100 * 6  # the units of the code


def test_a_recurrent_component_reads_the_one_before(rng):
    made, x = shaken(network("recurrent"), rng), rng.normal(size=(7, PIXELS)).astype(np.float32)
    features, state, params = made.network(x), np.zeros((7, 6), np.float32), np.zeros((7, 2 * LATENT), np.float32)
    for m in range(3):
        _, (state,) = made.cell(np.concatenate([features, params], axis=-1), [state])
        params = made.last(state)
        np.testing.assert_allclose(made(x)[:, m], params, rtol=1e-5, atol=1e-6)


# Under the algorithms.


@pytest.mark.slow
@pytest.mark.parametrize("mixing", ["uniform", "learned"])
@every_kind
def test_both_updates_have_the_gradients_of_the_definition(tiny_model, binary_data, kind, mixing):
    model, x = tiny_model(3, trunk=kind, trunk_options={"units": 6}, mixing=mixing), binary_data()
    assert model.encoders == []
    expected = gradients_by_definition(Definition(model, algorithm(num_samples=2), x))
    assert set(expected) == {variable.path for variable in model.trainable_variables}
    results = [recorded_gradients(model, algorithm(num_samples=2, update=update), x) for update in UPDATES]
    assert_same_gradients(*results, tolerance=1e-5)
    for result in results:
        assert_same_gradients(result, expected, tolerance=2e-5)


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
@every_kind
def test_after_a_warm_start_the_others_begin_near_the_first(tiny_model, binary_data, kind):
    model, x, gaps = tiny_model(3, trunk=kind), binary_data(6), []

    def note(epoch, logs=None):
        params = model.amortised(tf.constant(x)).params.numpy()
        gaps.append(np.abs(params - params[:, :1]).max())

    model.compile(keras.optimizers.SGD(1e-6), rme_tf.RecursiveMixture(warm_start_epochs=1, warm_start_noise=1e-3))
    model.fit(x, epochs=2, verbose=0, callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=note)])
    assert gaps[0] > 0.1
    if kind == "recurrent":  # which has nothing to copy
        assert gaps[1] == pytest.approx(gaps[0], rel=1e-2)
    elif kind == "conditioned":  # the copy sees the first one's params, where the first sees zeros
        for layers in (model.trunk.hidden, model.trunk.last):
            for first, copy in zip(layers[0].weights, layers[2].weights, strict=True):
                assert 0.0 < np.abs(first.numpy() - copy.numpy()).max() < 0.01
    else:
        assert 0.0 < gaps[1] < 0.02


@pytest.mark.parametrize("exact", [False, True])
def test_exact_copies_of_the_first_head_do_not_read_the_earlier_params(exact, rng):
    features = mlp_encoder((PIXELS,), None, units=(4,), activation="tanh")
    made = shaken(ConditionedComponents(features, 3, 2 * LATENT, units=6, exact_copies=exact), rng)
    x = rng.normal(size=(7, PIXELS)).astype(np.float32)
    made.copy_first(noise=1e-4, seed=0)
    gap = np.abs(made(x) - made(x)[:, :1]).max()
    assert (0.0 < gap < 0.01) if exact else gap > 0.1
    copy = ConditionedComponents.from_config(made.get_config())
    assert copy.exact_copies is exact


# Its life.


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """Returns each trained model, observations, its losses, and what another process that serves all makes of it."""
    x = (np.random.default_rng(1).random((7, PIXELS)) > 0.5).astype(np.float32)
    models, folders, losses = {}, {}, {}
    for kind in sorted(COMPONENT_NETWORKS):
        model = VAE.from_names(**PARTS, num_components=3, trunk=kind)
        model.compile(keras.optimizers.SGD(0.1), rme_tf.RecursiveMixture(warm_start_epochs=1), run_eagerly=True)
        losses[kind] = model.fit(x, epochs=2, verbose=0).history["loss"]
        folders[kind] = tmp_path_factory.mktemp(kind)
        models[kind] = model
    answers = answers_of_each({folders[kind]: (model, x) for kind, model in models.items()}, "")
    return {kind: (models[kind], x, losses[kind], answers[folders[kind]]) for kind in models}


@pytest.mark.slow
@every_kind
def test_it_is_trained_saved_loaded_and_served(served, kind, tmp_path):
    model, x, losses, answers = served[kind]
    assert np.isfinite(losses).all()
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(x)["means"], model(x)["means"])
    np.testing.assert_allclose(answers["means"], model(x)["means"], atol=1e-5)


@pytest.mark.slow
@every_kind
def test_xla_and_half_precision(kind, rng):
    x = (rng.random((8, PIXELS)) > 0.5).astype(np.float32)
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = VAE.from_names(**PARTS, num_components=2, trunk=kind)
    finally:
        keras.config.set_dtype_policy("float32")
    assert model.amortised(x).params.dtype == tf.float32
    model.compile(keras.optimizers.SGD(0.1), rme_tf.RecursiveMixture(warm_start_epochs=0), jit_compile=True)
    assert np.isfinite(model.fit(x, epochs=1, verbose=0).history["loss"]).all()


# Choices.


def test_a_network_of_your_own_making_takes_the_place_of_the_encoders():
    made = network("amortised", num_components=4)
    parts = {"decoder": "mlp", "input_shape": (PIXELS,), "latent_dim": LATENT, "trunk": made}
    assert VAE.from_names(encoder=[], **parts).num_components == 4
    with pytest.raises(ValueError, match="all 4 components: expected no encoders.*num_components=3"):
        VAE.from_names(encoder=[], num_components=3, **parts)
    with pytest.raises(ValueError, match=r"(?s)trunk.*Expected.*\(4, 4\)|\(4, 6\)"):
        VAE.from_names(encoder=[], **{**parts, "latent_dim": 3})


def test_names_that_do_not_go_together_are_refused():
    sizes = {"encoder": "mlp", "decoder": "mlp", "input_shape": (PIXELS,), "latent_dim": LATENT, "num_components": 2}
    with pytest.raises(ValueError, match="one of: 'amortised', 'conditioned', 'recurrent', 'shared'. Received: 'tied'"):
        VAE.from_names(**sizes, trunk="tied")
    with pytest.raises(ValueError, match="options in common"):
        VAE.from_names(**sizes, trunk="recurrent", encoder_options={"mean_scale": 0.5})
    with pytest.raises(ValueError, match="options in common"):
        VAE.from_names(**sizes, trunk="shared", encoder_options=[{}, {}])
    with pytest.raises(ValueError, match="`trunk_options` are for .* Received: trunk 'shared'"):
        VAE.from_names(**sizes, trunk="shared", trunk_options={"units": 3})
    with pytest.raises(ValueError, match="`encoder_options`.*Expected 2. Received: 3"):
        VAE.from_names(**sizes, encoder_options=[{}, {}, {}])


def test_a_configuration_makes_the_same_network(rng):
    made = network("amortised")
    copy = AmortisedComponents.from_config(made.get_config())
    copy.set_weights(made.get_weights())
    x = rng.normal(size=(3, PIXELS)).astype(np.float32)
    np.testing.assert_array_equal(copy(x), made(x))
