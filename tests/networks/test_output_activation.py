"""A decoder that ends in a sigmoid where the likelihood takes logits: a warning, and none where there is no fault."""

import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

from rme_tf import VAE
from rme_tf.likelihoods import LIKELIHOODS
from rme_tf.models.compatibility import decoder_example
from rme_tf.networks import DECODERS
from rme_tf.networks.output_activation import VALUES, output_activation
from small_networks import SMALL_DECODERS, fitting

layers = keras.layers
IMAGE, LATENT = (4, 4, 1), 2
Z = np.zeros((1, LATENT), "float32")


def stack(*last):
    return keras.Sequential([layers.Input((LATENT,)), layers.Dense(8, activation="tanh"), *last])


def functional(function):
    z = keras.Input((LATENT,))
    return keras.Model(z, function(layers.Dense(16)(z)))


class Subclassed(keras.Model):
    def __init__(self, function):
        super().__init__()
        self.last, self.function = layers.Dense(16), function

    def call(self, z):
        return self.function(self.last(z))


SIGMOIDS = {
    "of a dense layer": lambda: stack(layers.Dense(16, activation="sigmoid")),
    "of a layer": lambda: stack(layers.Dense(16), layers.Activation("sigmoid")),
    "of an operation": lambda: functional(keras.ops.sigmoid),
    "of an activation": lambda: functional(keras.activations.sigmoid),
    "of a function": lambda: stack(layers.Dense(16), layers.Lambda(lambda x: tf.nn.sigmoid(x))),
    "before a reshape": lambda: functional(lambda x: layers.Reshape(IMAGE)(keras.ops.sigmoid(x))),
    "before a crop": lambda: stack(
        layers.Dense(25, activation="sigmoid"), layers.Reshape((5, 5, 1)), layers.Cropping2D(((0, 1), (0, 1)))
    ),
    "before dropout": lambda: stack(layers.Dense(16, activation="sigmoid"), layers.Dropout(0.5)),
    "before a clip": lambda: functional(lambda x: keras.ops.clip(keras.ops.sigmoid(x), 1e-6, 1.0 - 1e-6)),
    "before a cast": lambda: functional(lambda x: keras.ops.cast(keras.ops.sigmoid(x), "float16")),
    "of a transposed convolution": lambda: stack(
        layers.Reshape((2, 2, 2)), layers.Conv2DTranspose(1, 2, strides=2, activation="sigmoid")
    ),
    "nested": lambda: stack(keras.Sequential([keras.Sequential([layers.Dense(16, activation="sigmoid")])])),
    "nested, functional": lambda: keras.Sequential([functional(keras.ops.sigmoid), layers.Reshape(IMAGE)]),
    "subclassed": lambda: Subclassed(tf.nn.sigmoid),
}
OTHERS = {
    "Elu": "elu",
    "Exp": "exponential",
    "Relu": "relu",
    "Relu6": "relu6",
    "Selu": "selu",
    "Softmax": "softmax",
    "Softplus": "softplus",
    "Softsign": "softsign",
    "Tanh": "tanh",
}


@pytest.mark.parametrize("name", sorted(SIGMOIDS))
def test_a_sigmoid_is_seen_however_it_is_written(name):
    decoder = SIGMOIDS[name]()
    decoder(Z)
    assert output_activation(decoder, Z) == "Sigmoid"


@pytest.mark.parametrize("name", sorted(OTHERS))
def test_other_activations_that_leave_numbers_out_are_seen(name):
    decoder = stack(layers.Dense(16, activation=OTHERS[name]))
    assert output_activation(decoder, Z) == name
    assert {*OTHERS, "Sigmoid"} == set(VALUES)


@pytest.mark.parametrize("activation", [None, "linear", "leaky_relu", "log_softmax", "silu", "gelu", "tanh_shrink"])
def test_what_may_be_any_number_or_is_no_fault_is_passed_over(activation):
    assert output_activation(stack(layers.Dense(16, activation=activation)), Z) is None


@pytest.mark.parametrize(
    "function",
    [
        lambda x: tf.math.log(tf.nn.sigmoid(x) / (1.0 - tf.nn.sigmoid(x))),
        lambda x: 20.0 * (tf.nn.sigmoid(x) - 0.5),
        lambda x: x + 0.1 * tf.nn.sigmoid(x),
        lambda x: tf.convert_to_tensor(np.asarray(x)),  # which no graph can
    ],
    ids=["inverted", "scaled", "residual", "eager alone"],
)
def test_a_sigmoid_that_is_not_the_end_is_none(function):
    decoder = Subclassed(function)
    decoder(Z)
    assert output_activation(decoder, Z) is None


def test_losses_of_activities_do_not_stay_from_the_graph():
    decoder = stack(layers.Dense(16, activity_regularizer="l2"))
    output_activation(decoder, Z)
    assert decoder.losses == []


# In a model.


def vae(decoder, likelihood="bernoulli", **choices):
    sizes = {"input_shape": IMAGE, "latent_dim": LATENT, "encoder_options": {"units": (4,)}}
    return VAE.from_names(encoder="mlp", decoder=decoder, likelihood=likelihood, **sizes, **choices)


def likelihood_of(name, **options):
    return LIKELIHOODS[name](IMAGE, **options)


@pytest.mark.parametrize(
    ("likelihood", "words"),
    [
        (likelihood_of("bernoulli"), "Bernoulli takes are logits"),
        (likelihood_of("continuous_bernoulli"), "ContinuousBernoulli takes are logits"),
        (likelihood_of("categorical_pixels"), "CategoricalPixels takes are logits"),
        (likelihood_of("discretized_logistic"), "DiscretizedLogistic takes are means and log-scales"),
        (likelihood_of("discretized_logistic_mixture"), "DiscretizedLogisticMixture takes are logits, means"),
        (likelihood_of("normal", scale="decoded"), "Normal takes are means and raw scales"),
        (likelihood_of("normal", scale="per_image"), "Normal takes are means and raw scales"),
        (likelihood_of("normal", interval=None), "Normal takes are means of real values"),
        (likelihood_of("student_t"), "StudentT takes are means of real values"),
        (likelihood_of("poisson"), "Poisson takes are log-rates"),
        (likelihood_of("negative_binomial", dispersion="decoded"), "takes are log-means and raw dispersions"),
    ],
)
def test_a_bounded_decoder_is_warned_of_in_words(likelihood, words):
    size = int(np.prod(likelihood.params_shape))
    decoder = stack(layers.Dense(size, activation="sigmoid"), layers.Reshape(likelihood.params_shape))
    with pytest.warns(UserWarning, match=f"ends in sigmoid, whose values are from 0 to 1, .* {words}.*Leave the last"):
        vae(decoder, likelihood)


@pytest.mark.parametrize("scale", ["fixed", "per_pixel", "shared"])
def test_means_in_the_interval_of_the_pixels_are_no_fault(scale):
    decoder = stack(layers.Dense(16, activation="sigmoid"), layers.Reshape(IMAGE))
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        vae(decoder, likelihood_of("normal", scale=scale))


PICTURES = sorted(set(LIKELIHOODS) - {"categorical_sequence"})


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(SMALL_DECODERS))
def test_no_decoder_of_the_table_is_warned_of_under_any_likelihood(name):
    assert {*SMALL_DECODERS, "lstm"} == set(DECODERS)
    different = {likelihood.params_shape: likelihood for likelihood in map(likelihood_of, PICTURES)}
    for likelihood in different.values():
        decoder = DECODERS[name](LATENT, fitting(name, likelihood.params_shape), **SMALL_DECODERS[name])
        inputs = decoder_example(decoder, LATENT, likelihood)
        decoder(inputs)
        assert output_activation(decoder, inputs) is None, likelihood


def test_features_of_tokens_may_be_bounded():
    assert LIKELIHOODS["categorical_sequence"].unconstrained is None
