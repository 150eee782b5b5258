"""Aggressive training and normalised means: remedies against posterior collapse."""

import itertools
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

from rme_tf import ELBO, VAE, Aggressive, CollapseMonitor, RecursiveMixture, StopAggressive
from rme_tf.algorithms.aggressive import InnerLoop
from rme_tf.networks import NormalizedMeans, mlp_encoder, with_normalized_means


def decoder_moves(bounds, rule):
    """In which steps the decoder moves, for the bounds of the minibatches one after another."""
    loop, moves, optimizer = InnerLoop(), [], keras.optimizers.SGD()
    for bound in bounds:
        moves.append(bool(loop.due()))
        loop.advance(tf.constant(bound, tf.float32), rule, optimizer)
    return moves


def test_the_inner_loop_lasts_while_the_bound_rises():
    """Windows of two: 1+2 < 3+4 < 5+6, then 1+1 is no better, and the step after it moves the decoder."""
    moves = decoder_moves([1, 2, 3, 4, 5, 6, 1, 1, 0, 7, 8, 1, 1, 0, 0], Aggressive(window=2))
    assert [step for step, moved in enumerate(moves) if moved] == [8, 13]


def test_the_inner_loop_has_a_longest():
    moves = decoder_moves(np.arange(20.0), Aggressive(window=2, max_steps=5))
    assert [step for step, moved in enumerate(moves) if moved] == [5, 11, 17]


def test_a_loop_that_is_off_moves_the_decoder_always():
    loop = InnerLoop()
    loop.on.assign(0.0)
    assert bool(loop.due())


@pytest.mark.slow
@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.parametrize(
    "algorithm",
    [
        ELBO(aggressive=Aggressive(max_steps=3)),
        RecursiveMixture(aggressive=Aggressive(max_steps=3), warm_start_epochs=0),
        RecursiveMixture(aggressive=Aggressive(max_steps=3), warm_start_epochs=0, update="sequential"),
    ],
    ids=["elbo", "joint", "sequential"],
)
def test_the_decoder_waits_and_the_encoders_do_not(tiny_model, binary_data, algorithm, eager):
    model = tiny_model(2)
    model.compile(keras.optimizers.Adam(0.01), algorithm, run_eagerly=eager)

    def weights():
        return [np.concatenate([w.ravel() for w in part.get_weights()]) for part in (model.decoder, *model.encoders)]

    states = [weights()]
    note = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: states.append(weights()))
    model.fit(binary_data(8), batch_size=1, verbose=0, callbacks=[note, StopAggressive("elbo")])
    moved = [[(a != b).any() for a, b in zip(*pair, strict=True)] for pair in itertools.pairwise(states)]
    assert [decoder for decoder, *_ in moved] == [False, False, False, True, False, False, False, True]
    assert all(all(encoders) for _, *encoders in moved)


def test_it_stops_when_the_diagnostic_no_longer_rises(tiny_model):
    model = tiny_model(1)
    callback = StopAggressive()
    callback.set_model(model)
    for epoch, (value, on) in enumerate([(0.5, 1.0), (float("nan"), 1.0), (0.9, 1.0), (0.9, 0.0), (2.0, 0.0)]):
        callback.on_epoch_end(epoch, {"mi": value})
        assert float(model.inner_loop.on) == on
    with pytest.raises(ValueError, match="CollapseMonitor"):
        callback.on_epoch_end(9, {"loss": 1.0})


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
def test_it_works_with_the_monitor_in_fit(tiny_model, binary_data):
    model, x = tiny_model(1), binary_data(16)
    model.compile("sgd", ELBO(aggressive=Aggressive()))
    callbacks = [CollapseMonitor(x, warn=False), StopAggressive()]
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="Aggressive")
        model.fit(x, epochs=6, verbose=0, callbacks=callbacks)
    assert len(callbacks[0].history["mi"]) == 6


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
def test_a_training_that_nothing_ends_is_told(tiny_model, binary_data):
    model, x = tiny_model(1), binary_data(4)
    model.compile("sgd", ELBO(aggressive=Aggressive()))
    with pytest.warns(UserWarning, match="Aggressive training will last.*`StopAggressive") as caught:
        model.fit(x, verbose=0, callbacks=[CollapseMonitor(x, warn=False)])
    assert [warning.filename for warning in caught if "Aggressive" in str(warning.message)] == [__file__]
    model.inner_loop.on.assign(0.0)  # it has ended
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="Aggressive")
        model.fit(x, verbose=0)


@pytest.mark.parametrize("name", ["window", "max_steps"])
def test_numbers_out_of_range_raise(name):
    with pytest.raises(ValueError, match=f"`{name}`"):
        Aggressive(**{name: 0})


def test_what_is_no_aggressive_training_is_refused():
    with pytest.raises(ValueError, match="`aggressive` must be of Aggressive or None"):
        ELBO(aggressive=True)


# Normalised means.


def test_means_have_the_scale_and_the_other_params_pass(rng):
    layer = NormalizedMeans(2, scale=0.6)
    params = rng.normal(3.0, 5.0, size=(64, 4)).astype("float32")
    outputs = np.asarray(layer(params, training=True))
    np.testing.assert_allclose(outputs[:, :2].std(axis=0), 0.6, rtol=1e-4)
    np.testing.assert_allclose(outputs[:, :2].mean(axis=0), 0.0, atol=1e-5)
    np.testing.assert_array_equal(outputs[:, 2:], params[:, 2:])
    with pytest.raises(ValueError, match="`scale`"):
        NormalizedMeans(2, scale=0.0)


@pytest.mark.slow
def test_a_posterior_with_normalised_means_does_not_collapse(tiny_model, binary_data, tmp_path):
    """Under a KL weight that makes the plain posterior collapse: the floor is D scale^2 / 2."""
    x, kls = binary_data(64), {}
    for scale in (None, 0.6):
        options = {"units": (8,)} if scale is None else {"units": (8,), "mean_scale": scale}
        model = tiny_model(2, encoder_options=options)
        model.compile(keras.optimizers.Adam(0.02), RecursiveMixture(kl_weight=20.0, warm_start_epochs=0))
        model.fit(x, epochs=40, batch_size=16, verbose=0)
        kls[scale] = model.evaluate(x, verbose=0, return_dict=True)["kl"]
    assert kls[None] < 0.05
    assert kls[0.6] > 2 * 0.6**2 / 2 * 0.7  # D = 2; the statistics move, and the mixture gains a little
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded(x)["means"], model(x)["means"], rtol=1e-5, atol=1e-6)


def test_any_encoder_can_be_wrapped(binary_data):
    encoder = with_normalized_means(mlp_encoder((5,), 4, units=(3,)), 2)
    model = VAE.from_names(encoder=encoder, decoder="mlp", input_shape=(5,), latent_dim=2, num_components=2)
    assert model(binary_data())["means"].shape == (3, 2, 2)
