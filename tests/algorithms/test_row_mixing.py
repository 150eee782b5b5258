"""Decoders whose output for one code depends on the other codes of the batch: found out, refused, or trained right."""

import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

from rme_tf import VAE, Boosted, ImportanceWeighted, RecursiveMixture
from rme_tf.algorithms import ALGORITHMS, base, row_mixing
from rme_tf.networks import DECODERS
from rme_tf.networks.training_mode import ROWS, mixes_rows, state_moved
from small_networks import SMALL_DECODERS, fitting

layers = keras.layers
PIXELS, LATENT = 5, 2
Z = np.random.default_rng(3).normal(size=(ROWS, LATENT)).astype("float32")


def stack(*between, last=None):
    hidden = layers.Dense(8, activation="tanh")
    return keras.Sequential([layers.Input((LATENT,)), hidden, *between, last or layers.Dense(PIXELS)])


class Custom(keras.layers.Layer):
    """A layer that Keras does not have, made of a function."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def call(self, x, training=False):
        return self.function(x, training)


def minibatch_deviation(x, training):
    groups = tf.reshape(x, [4, -1, x.shape[-1]])
    deviation = tf.math.reduce_std(groups, axis=0)
    return tf.concat([x, tf.tile(deviation, [4, 1])], axis=-1)


def residual():
    """A branch that starts at zero hides the batch normalization in it."""
    x = keras.Input((LATENT,))
    hidden = layers.Dense(8)(x)
    branch = layers.BatchNormalization(gamma_initializer="zeros")(layers.Dense(8)(hidden))
    return keras.Model(x, layers.Dense(PIXELS)(layers.Add()([hidden, branch])))


class Subclassed(keras.Model):
    def __init__(self, always=None):
        super().__init__()
        self.hidden, self.last = layers.Dense(8), layers.Dense(PIXELS)
        self.normalization, self.always = layers.BatchNormalization(), always

    def call(self, x, training=False):
        return self.last(self.normalization(self.hidden(x), training=training if self.always is None else self.always))


MIXING = {
    "batch normalization": lambda: stack(layers.BatchNormalization()),
    "without weights": lambda: stack(layers.BatchNormalization(center=False, scale=False)),
    "at the end": lambda: stack(last=keras.Sequential([layers.Dense(PIXELS), layers.BatchNormalization()])),
    "nested": lambda: stack(keras.Sequential([keras.Sequential([layers.BatchNormalization()])])),
    "beside dropout": lambda: stack(layers.Dropout(0.5), layers.BatchNormalization()),
    "subclassed": Subclassed,
    "behind zeros": lambda: stack(layers.BatchNormalization(), last=layers.Dense(PIXELS, kernel_initializer="zeros")),
    "in a branch of zeros": residual,
    "the mean over the batch": lambda: stack(Custom(lambda x, training: x - tf.reduce_mean(x, axis=0))),
    "in training alone": lambda: stack(Custom(lambda x, training: x - tf.reduce_mean(x, 0) if training else x)),
    "neighbours": lambda: stack(Custom(lambda x, training: x + 0.1 * tf.roll(x, 1, axis=0))),
    "the reverse": lambda: stack(Custom(lambda x, training: x - x[::-1])),
    "groups of rows": lambda: stack(Custom(minibatch_deviation)),
}
APART = {
    "plain": stack,
    "layer normalization": lambda: stack(layers.LayerNormalization()),
    "group normalization": lambda: stack(layers.GroupNormalization(2)),
    "unit normalization": lambda: stack(layers.UnitNormalization()),
    "spectral normalization": lambda: stack(layers.SpectralNormalization(layers.Dense(8))),
    "noise": lambda: stack(layers.Dropout(0.5), layers.GaussianNoise(0.3), layers.GaussianDropout(0.2)),
    "frozen": lambda: stack(layers.BatchNormalization(trainable=False)),
    "never in training": lambda: Subclassed(always=False),
    "adapted": lambda: stack(layers.Normalization()),
    "statistics without a gradient": lambda: stack(
        Custom(lambda x, training: x - tf.stop_gradient(tf.reduce_mean(x, axis=0)))
    ),
    "attention": lambda: stack(
        layers.Reshape((4, 2)),
        Custom(lambda x, training: tf.matmul(tf.matmul(x, x, transpose_b=True), x)),
        layers.Flatten(),
    ),
}


@pytest.mark.parametrize("name", sorted(MIXING))
def test_decoders_that_mix_rows_are_found_out(name):
    decoder = MIXING[name]()
    decoder(Z)
    assert mixes_rows(decoder, Z)


@pytest.mark.parametrize("name", sorted(APART))
def test_decoders_that_mix_none_are_no_false_alarm(name):
    decoder = APART[name]()
    decoder(Z)
    assert not mixes_rows(decoder, Z)


@pytest.mark.parametrize("name", sorted(DECODERS))
def test_no_decoder_of_the_table_mixes_rows(name):
    tokens = name == "lstm"
    small = {"vocabulary_size": 9, "word_dropout": 0.5, "skip": True} if tokens else SMALL_DECODERS.get(name, {})
    decoder = DECODERS[name](LATENT, (None, 3) if tokens else fitting(name, (8, 8, 1)), **small)
    x = np.ones((ROWS, 3), "int32") if tokens else np.ones((ROWS, 8, 8, 1), "float32")
    others = [x] if getattr(decoder, "autoregressive", False) else []
    decoder([Z, *others] if others else Z)
    assert not mixes_rows(decoder, Z, *others)


@pytest.mark.parametrize("value", [np.nan, 0.0])
def test_where_there_is_no_derivative_the_layers_decide(value):
    broken = Custom(lambda x, training: value * x)
    assert mixes_rows(stack(layers.BatchNormalization(), broken), Z)
    assert not mixes_rows(stack(broken), Z)


def test_a_decoder_that_fails_on_several_rows_is_judged_by_its_layers():
    only_one = Custom(lambda x, training: tf.ensure_shape(x, [1, None]))
    assert mixes_rows(stack(layers.BatchNormalization(), only_one), Z)
    assert not mixes_rows(stack(only_one), Z)


def test_looking_moves_nothing():
    decoder = stack(layers.Dropout(0.5), layers.BatchNormalization(), layers.SpectralNormalization(layers.Dense(8)))
    before = [variable.numpy() for variable in decoder.variables]
    assert len(before) > len(decoder.weights)  # the seeds of the dropout are among them
    assert mixes_rows(decoder, Z)
    moved = state_moved(decoder, Z)
    for variable, value in zip(decoder.variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value, err_msg=variable.path)
    normalization, spectral = decoder.layers[2], decoder.layers[3]
    expected = [normalization.moving_mean, normalization.moving_variance, spectral.vector_u, *spectral.layer.weights]
    assert {id(weight) for weight in moved} <= {id(weight) for weight in expected}
    assert {id(weight) for weight in expected[:3]} <= {id(weight) for weight in moved}


# What the algorithms do about it.


def model_with(decoder, num_components=2, **choices):
    sizes = {"input_shape": (PIXELS,), "latent_dim": LATENT, "num_components": num_components}
    return VAE.from_names(encoder="mlp", decoder=decoder, encoder_options={"units": (4,)}, **{**sizes, **choices})


REFUSED = {
    "joint": (RecursiveMixture(), 2, "update='sequential'"),
    "boosted": (Boosted(), 3, "update='sequential'"),
    "dreg": (ImportanceWeighted(gradient="dreg"), 1, "gradient='pathwise'"),
}


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_rescales_gradients_at_codes_refuses_mixed_rows_and_says_what_to_do(name):
    rule, count, remedy = REFUSED[name]
    model = model_with(stack(layers.BatchNormalization(name="the_culprit")), count)
    with pytest.raises(ValueError, match=f"Expected: {remedy}, or LayerNorm.* Received: .*by the_culprit"):
        model.compile("adam", rule)
    with pytest.raises(ValueError, match="by a layer that is no BatchNormalization"):
        model_with(MIXING["in training alone"](), count).compile("adam", rule)
    model_with(stack(layers.LayerNormalization()), count).compile("adam", rule)


@pytest.mark.parametrize("name", sorted(ALGORITHMS))
def test_every_algorithm_of_the_table_has_a_way_to_train_mixed_rows(name):
    for count in (1, 2):
        model, rule = model_with(stack(layers.BatchNormalization()), count), ALGORITHMS[name]()
        remedy = rule.exact_for_any_decoder(model)
        assert not (remedy and count == 1)  # nothing is rescaled
        model.compile("adam", type(rule)(**remedy))
        assert model.algorithm.exact_for_any_decoder(model) == {}


def test_a_model_that_was_saved_before_is_loaded_and_goes_on_by_the_loop(monkeypatch, tmp_path):
    model = model_with(stack(layers.BatchNormalization()))
    with monkeypatch.context() as patch:
        patch.setattr(base, "decoder_mixes_rows", lambda model: False)
        model.compile("adam", RecursiveMixture(kl_bound=2.0))
    model.save(tmp_path / "model.keras")
    with pytest.warns(UserWarning, match="update='joint' needs a decoder .* goes on with it"):
        loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.algorithm == RecursiveMixture(kl_bound=2.0, update="sequential")
    x = np.zeros((3, PIXELS), "float32")
    np.testing.assert_array_equal(loaded(x)["means"], model(x)["means"])


def test_a_decoder_without_mixed_rows_is_loaded_as_it_was(tmp_path):
    model = model_with(stack())
    model.compile("adam", RecursiveMixture())
    model.save(tmp_path / "model.keras")
    assert keras.saving.load_model(tmp_path / "model.keras").algorithm == RecursiveMixture()


def test_a_decoder_that_sees_x_is_looked_at_too(monkeypatch):
    seen = []
    monkeypatch.setattr(row_mixing, "mixes_rows", lambda network, *inputs: seen.extend(inputs))
    z, x = keras.Input((LATENT,)), keras.Input((PIXELS,))
    model = model_with(keras.Model([z, x], layers.Dense(PIXELS)(layers.Concatenate()([z, x]))))
    row_mixing.decoder_mixes_rows(model)
    assert [part.shape for part in seen] == [(ROWS, LATENT), (ROWS, PIXELS)]


ALWAYS = {
    "statistics": lambda: Subclassed(always=True),
    "mean": MIXING["the mean over the batch"],
    "dropout": lambda: stack(Custom(lambda x, training: tf.nn.dropout(x, 0.5))),
}


@pytest.mark.parametrize("name", sorted(ALWAYS))
def test_rows_that_are_mixed_outside_of_training_are_warned_of(name):
    keras.utils.set_random_seed(0)
    decoder = ALWAYS[name]()
    decoder(Z)
    decoder.layers[0].bias.assign(np.ones(8))  # of zeros nothing is left to drop
    with pytest.warns(UserWarning, match="outside of training too: then p.* is no likelihood"):
        model_with(decoder)


@pytest.mark.parametrize("name", ["batch normalization", "in training alone"])
def test_rows_that_are_mixed_in_training_alone_are_not(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        model_with(MIXING[name]())


def test_evaluation_of_one_observation_does_not_depend_on_the_others(binary_data):
    model, x = model_with(stack(layers.BatchNormalization())), binary_data(4)
    model.decoder.layers[1].moving_variance.assign(np.full(8, 2.0))
    whole = model.log_probs(x, seed=(0, 1)).log_lik
    z = model.infer(x).sample_components(1, (0, 1))
    for row in range(4):
        alone, _ = model.log_joint(x[row : row + 1], z[:, row : row + 1])
        np.testing.assert_allclose(alone[:, 0], whole[:, row], rtol=1e-5)
