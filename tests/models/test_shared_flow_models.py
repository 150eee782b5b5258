"""Models whose components share a flow: networks, their checks, the warm start and saved files."""

import keras
import numpy as np
import pytest

import rme_tf
from rme_tf import ELBO
from rme_tf.networks import COMPONENT_NETWORKS, mlp_encoder
from rme_tf.posteriors import IAF, POSTERIORS, TransformedFamily

TRUNKS = [None, "shared", *sorted(COMPONENT_NETWORKS)]
OWN, SHARED = 4, 3  # params of a component of two dimensions, and of the flow
TRANSFORMED = sorted(name for name in POSTERIORS if issubclass(POSTERIORS[name], TransformedFamily))


def shared_iaf():
    return IAF(2, shared=True, units=(6,), context_size=SHARED)


def dense(size, inputs=5):
    return keras.Sequential([keras.layers.Input((inputs,)), keras.layers.Dense(size)])


@pytest.mark.slow
@pytest.mark.parametrize("trunk", TRUNKS)
def test_the_params_of_the_flow_are_computed_once(tiny_model, binary_data, trunk):
    """The last params of an encoding are equal for all components, and no network has outputs that are not used."""
    model, x = tiny_model(3, posterior=shared_iaf(), trunk=trunk), binary_data()
    params = model.encode(x).params.numpy()
    assert params.shape == (3, 3, OWN + SHARED)
    np.testing.assert_array_equal(params[:, 1:, OWN:], np.tile(params[:, :1, OWN:], [1, 2, 1]))
    assert (np.abs(np.diff(params[..., :OWN], axis=1)).max(axis=(0, 2)) > 0.01).all()
    assert np.ptp(params[:, 0, OWN:], axis=0).min() > 0.01  # functions of x
    np.testing.assert_allclose(model.encode(x, num_components=1).params, params[:, :1], rtol=1e-5)
    if model.encoders:
        outputs = [encoder.weights[-1].shape[-1] for encoder in model.encoders]
        assert outputs == [OWN + SHARED, OWN, OWN]
    else:
        assert (model.trunk.num_params, model.trunk.num_shared) == (OWN, SHARED)
        np.testing.assert_allclose(model.trunk(x), params, rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", TRANSFORMED)
def test_names_and_options_make_such_a_model_which_survives_saving(binary_data, tmp_path, name):
    sizes = {"input_shape": (5,), "latent_dim": 2, "num_components": 2, "encoder_options": {"units": (4,)}}
    options = {"posterior": name, "posterior_options": {"shared": True}, "decoder_options": {"units": (4,)}}
    trunk = "amortised" if name == "iaf" else "shared"
    model = rme_tf.VAE.from_names(encoder="mlp", decoder="mlp", trunk=trunk, **sizes, **options)
    assert model.posterior_family.shared
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.posterior_family.get_config() == model.posterior_family.get_config()
    x = binary_data()
    for result, expected in zip(loaded.infer(x).moments().values(), model.infer(x).moments().values(), strict=True):
        np.testing.assert_array_equal(result, expected)


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("trunk", [None, "shared"])
def test_the_warm_start_copies_what_the_components_have_in_common(tiny_model, binary_data, trunk):
    """Means and scales of the first encoder; its last outputs, the params of the flow, stay its own."""
    model, x = tiny_model(3, posterior=shared_iaf(), trunk=trunk), binary_data()
    model.compile("sgd", ELBO(warm_start_epochs=1, warm_start_noise=0.0))
    with pytest.warns(UserWarning, match="warm start"):
        model.fit(x, epochs=1, verbose=0)
    assert np.ptp(model.encode(x, num_components=3).params.numpy()[..., :OWN], axis=1).min() > 0.01
    model.begin_epoch()
    params = model.encode(x).params.numpy()
    np.testing.assert_allclose(params[:, 1:], np.tile(params[:, :1], [1, 2, 1]), rtol=1e-6)


def test_copies_of_one_encoder_have_outputs_that_are_not_used(binary_data):
    parts = {"posterior": shared_iaf(), "likelihood": rme_tf.likelihoods.Bernoulli((5,))}
    model = rme_tf.VAE(dense(OWN + SHARED), dense(5, inputs=2), num_components=3, **parts)
    params = model.encode(binary_data()).params.numpy()
    np.testing.assert_array_equal(params[:, 1:, OWN:], np.tile(params[:, :1, OWN:], [1, 2, 1]))
    assert (params[:, 0, :OWN] != params[:, 1, :OWN]).all()


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ((OWN, OWN), r"encoder 0 must turn .* shape \(7,\).*Received: \(4,\)"),
        (
            (OWN + SHARED, OWN + 1),
            r"encoder 1 must turn .* shape \(4,\): the 3 params .* outputs of encoder 0.* \(5,\)",
        ),
    ],
)
def test_encoders_of_other_sizes_are_refused(sizes, message):
    parts = {"posterior": shared_iaf(), "likelihood": rme_tf.likelihoods.Bernoulli((5,))}
    with pytest.raises(ValueError, match=message):
        rme_tf.VAE([dense(size) for size in sizes], dense(5, inputs=2), **parts)


@pytest.mark.parametrize("shared", [False, True])
def test_a_network_of_all_components_must_share_what_the_family_shares(shared):
    sizes = {"num_params": OWN + SHARED} if shared else {"num_params": OWN, "num_shared": SHARED}
    trunk = COMPONENT_NETWORKS["amortised"](mlp_encoder((5,), None, units=(4,)), 2, units=4, **sizes)
    family = IAF(2, shared=shared, units=(6,), context_size=SHARED)
    parts = {"posterior": family, "likelihood": rme_tf.likelihoods.Bernoulli((5,))}
    with pytest.raises(ValueError, match="share once, and no other: expected num_params=.*Received: num_params="):
        rme_tf.VAE([], dense(5, inputs=2), trunk=trunk, **parts)
