"""The decoder begins anew: its weights, the likelihood's, and what the optimizer remembers of them, no more."""

import keras
import numpy as np
import pytest

from rme_tf import ELBO, VAE, LinearAnnealing
from rme_tf.callbacks import ResetDecoder, ResumableCheckpoint

TOKENS = np.array([[4, 5, 2, 0], [7, 2, 0, 0], [5, 4, 6, 2], [6, 2, 0, 0]], np.int32)


def trained(model, x, optimizer="adam", epochs=1):
    model.compile(optimizer, ELBO(kl_weight=LinearAnnealing(steps=10)))
    model.fit(x, epochs=epochs, verbose=0)
    return model


def reset(model, epoch=2, **options):
    callback = ResetDecoder(epoch, **options)
    callback.set_model(model)
    callback.on_epoch_begin(epoch)


def slots(model, parts):
    """The optimizer's variables that belong to the variables of these parts, by the name that it gives them."""
    paths = [variable.path.replace("/", "_") for part in parts for variable in part.trainable_variables]
    return [slot for slot in model.optimizer.variables if any(path in slot.path for path in paths)]


@pytest.mark.usefixtures("eagerly")
def test_the_decoder_begins_anew_and_the_encoders_go_on(tiny_model, binary_data):
    model = trained(tiny_model(2), binary_data(8))
    decoder, encoder = model.decoder.get_weights(), model.encoders[1].get_weights()
    callback = ResetDecoder(2)
    callback.set_model(model)
    callback.on_epoch_begin(1)
    np.testing.assert_array_equal(decoder[0], model.decoder.get_weights()[0])
    callback.on_epoch_begin(2)
    assert (decoder[0] != model.decoder.get_weights()[0]).all()
    for a, b in zip(encoder, model.encoders[1].get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("mixed", [False, True], ids=["float32", "mixed_float16"])
@pytest.mark.parametrize(("name", "count", "start"), [("adam", 8, 0.0), ("adagrad", 4, 0.1), ("sgd", 0, None)])
def test_the_optimizer_forgets_the_decoder_alone(tiny_model, binary_data, name, count, start, mixed):
    x, optimizer = binary_data(8), keras.optimizers.get(name)
    model = trained(tiny_model(1), x, keras.optimizers.LossScaleOptimizer(optimizer) if mixed else optimizer)
    before = {id(slot): slot.numpy() for slot in model.optimizer.variables}
    reset(model)
    forgotten = slots(model, [model.decoder])
    assert len(forgotten) == count
    for slot in forgotten:
        np.testing.assert_allclose(slot.numpy(), start)
        assert (before[id(slot)] != slot.numpy()).any()
    changed = {id(slot) for slot in forgotten}
    for slot in model.optimizer.variables:
        if id(slot) not in changed:  # the slots of others, iterations, the learning rate, the scale of the loss
            np.testing.assert_array_equal(before[id(slot)], slot.numpy(), err_msg=slot.path)
    if mixed:
        assert float(model.optimizer.dynamic_scale.numpy()) > 0.0
    assert np.isfinite(model.fit(x, verbose=0).history["loss"][0])


@pytest.mark.usefixtures("eagerly")
def test_adafactor_forgets_the_decoder_s_rows_and_columns_too(tiny_model, binary_data):
    model = trained(tiny_model(2), binary_data(8), "adafactor")
    optimizer, decoder = model.optimizer, {id(variable) for variable in model.decoder.trainable_variables}
    factored = [  # a bias has none, but for a constant in its place
        (id(variable) in decoder, slot)
        for slots_of in (optimizer._r, optimizer._c)
        for variable, slot in zip(model.trainable_variables, slots_of, strict=True)
        if len(variable.shape) > 1
    ]
    before = [slot.numpy() for _, slot in factored]
    assert all((value > 0.0).all() for value in before)
    reset(model)
    for value, (forgotten, slot) in zip(before, factored, strict=True):
        np.testing.assert_array_equal(slot.numpy(), 0.0 if forgotten else value)
    assert sum(forgotten for forgotten, _ in factored) == 4  # of two kernels


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("tied", [False, True])
def test_the_weights_of_a_likelihood_of_sentences_begin_anew(tied):
    sizes = {"units": 4, "embedding_size": 3}
    model = VAE.from_names(
        encoder="lstm",
        decoder="lstm",
        input_shape=(None,),
        latent_dim=2,
        likelihood="categorical_sequence",
        likelihood_options={"vocabulary_size": 9, "features": 3, "tied": tied},
        encoder_options=sizes,
        decoder_options=sizes,
    )
    trained(model, TOKENS)
    before = [variable.numpy() for variable in model.generative_variables]
    reset(model)
    assert (model.likelihood.bias.numpy() == 0.0).all()
    for old, variable in zip(before, model.generative_variables, strict=True):
        assert (old != variable.numpy()).any(), variable.path
    assert len(model.likelihood.trainable_variables) == 2 - tied
    for slot in slots(model, [model.likelihood, model.decoder]):
        np.testing.assert_array_equal(slot.numpy(), 0.0)


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
def test_a_learned_scale_begins_anew(tiny_model, binary_data):
    model = tiny_model(1, likelihood="normal")
    model.likelihood.raw_scale.assign(model.likelihood.raw_scale + 5.0)
    before = model.likelihood.get_weights()
    reset(trained(model, binary_data(8)))
    assert (np.abs(before[0] - model.likelihood.get_weights()[0]) > 4.0).all()


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
def test_a_resumed_training_draws_the_same_decoder(tiny_model, binary_data, tmp_path):
    """Whatever Python's random numbers are by then."""
    x, ends = binary_data(4), []
    for cut in (None, 1):
        model = tiny_model(2)
        model.compile("adam", ELBO())
        if cut:
            model.fit(x, epochs=1, shuffle=False, verbose=0, callbacks=[ResumableCheckpoint(model, tmp_path)])
            keras.utils.set_random_seed(99)
            model = tiny_model(2, seed=3)
            model.compile("adam", ELBO())
        callbacks = [ResetDecoder(1), ResumableCheckpoint(model, tmp_path if cut else tmp_path / "whole")]
        model.fit(x, initial_epoch=cut or 0, epochs=2, shuffle=False, verbose=0, callbacks=callbacks)
        ends.append(model.get_weights())
    for a, b in zip(*ends, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", ["initialize", "initialise"])
def test_the_new_weights_may_be_drawn_otherwise(tiny_model, binary_data, name):
    model, seeds = tiny_model(1, likelihood="normal"), []
    model.compile("adam", ELBO())
    encoder = model.encoders[0].get_weights()

    def halves(parts, seed):
        seeds.append(seed)
        for variable in [variable for part in parts for variable in part.weights]:
            variable.assign(np.full(variable.shape, 0.5))

    for _ in range(2):
        model.seed_generator.state.assign([7, 0])
        reset(model, **{name: halves})
    for variable in model.generative_variables:
        np.testing.assert_array_equal(variable.numpy(), 0.5)
    np.testing.assert_array_equal(encoder[0], model.encoders[0].get_weights()[0])
    assert seeds[0] == seeds[1] > 7  # of the model's own seed, but not that: other weights were drawn by it


def test_two_functions_for_the_new_weights_are_refused():
    with pytest.raises(ValueError, match="Received: both `initialize` and `initialise`"):
        ResetDecoder(2, print, initialise=print)


def test_a_negative_epoch_is_refused():
    with pytest.raises(ValueError, match="`epoch` must be an integer of at least 0. Received: -1"):
        ResetDecoder(-1)
