"""Choices of `make_kinds.py`: few tiny models that together have every name of the library's tables."""

import keras
import numpy as np
from keras import layers

import rme_tf
from rme_tf.likelihoods import Normal
from rme_tf.posteriors import IAF, DiagNormal, Householder, RecursiveMixing, Sylvester

LEVELS = (np.random.default_rng(0).integers(0, 256, (4, 4, 4, 1)) / 255.0).astype("float32")
BINARY = np.random.default_rng(0).integers(0, 2, (4, 5)).astype("float32")
IMAGES = np.random.default_rng(0).integers(0, 2, (4, 8, 8, 1)).astype("float32")
PATCHES = LEVELS[:, :2, :2]
TOKENS = np.array([[4, 5, 6, 2, 0], [6, 2, 0, 0, 0], [5, 5, 4, 6, 2], [3, 4, 2, 0, 0]], np.int32)


def networks_by(name: str, decoder=None, decoder_options=None, **options) -> dict:
    """Returns the choice of an encoder and a decoder by name, by default of the same name and options."""
    choice = {"encoder": name, "decoder": decoder or name, "encoder_options": options}
    return {**choice, "decoder_options": options if decoder_options is None else decoder_options}


MLP = networks_by("mlp", units=(3,))
CONV = networks_by("conv", filters=(2, 3), hidden=3)
RESNET = networks_by("resnet", filters=(2,), hidden=3)
DCGAN = networks_by("dcgan", filters=2)
GATED_CONV = networks_by("gated_conv", None, {"filters": (2,), "kernel_size": 3}, filters=(2,), kernel_size=3, hidden=3)
PIXELS = {"num_layers": 2, "filters": 2, "first_kernel_size": 3, "conditioning": "both"}
PIXELCNN = networks_by("conv", "pixelcnn", PIXELS, filters=(2,), hidden=3)
MIXED = {"num_components": 3, "mixing": RecursiveMixing(eps_min=0.05, uniform_pull=0.1)}
SENTENCES = {"likelihood": "categorical_sequence", "likelihood_options": {"vocabulary_size": 7, "features": 3}}
LSTM = {"encoder": "lstm", "decoder": "lstm", "encoder_options": {"units": 3, "embedding_size": 2}}
LINEAR = rme_tf.LinearAnnealing(steps=4, start=0.1, delay=1)
CYCLICAL = rme_tf.CyclicalAnnealing(steps=4, cycles=2)
SIGMOID = rme_tf.SigmoidAnnealing(steps=4)


def own_networks() -> dict:
    """Returns networks that are plain Keras models, one encoder for all of three components among them."""
    encoder = [layers.Input((5,)), layers.Dense(3, "tanh"), layers.BatchNormalization(), layers.Dropout(0.2)]
    decoder = [layers.Input((2,)), layers.Dense(3, "tanh"), layers.LayerNormalization(), layers.Dense(5)]
    weights = [layers.Input((5,)), layers.Dense(2)]
    return {
        "encoders": keras.Sequential([*encoder, layers.Dense(4)]),
        "decoder": keras.Sequential(decoder),
        "mixing_network": keras.Sequential(weights),
    }


def own_trunk() -> dict:
    """Returns a trunk, two encoders of its features and a decoder: functional Keras models."""
    inputs = keras.Input((5,))
    trunk = keras.Model(inputs, layers.Concatenate()([layers.Dense(3, "relu")(inputs), inputs]))
    encoders = [keras.Sequential([layers.Input((8,)), layers.Dense(4)]) for _ in range(2)]
    decoder = keras.Sequential([layers.Input((2,)), layers.Dense(5)])
    return {"trunk": trunk, "encoders": encoders, "decoder": decoder}


# name -> observations, choices, algorithm, optimizer.
KINDS = {
    "conv_elbo": lambda: (IMAGES, CONV, rme_tf.ELBO(kl_weight=LINEAR), "sgd"),
    "resnet_heads_recursive": lambda: (
        LEVELS,
        {
            **RESNET,
            **MIXED,
            "trunk": "shared",
            "likelihood": Normal((4, 4, 1), scale="per_pixel"),
        },
        rme_tf.RecursiveMixture(warm_start_epochs=1, free_bits=rme_tf.FreeBits(nats=0.1)),
        keras.optimizers.Adam(0.02, clipnorm=1.0),
    ),
    "gated_conv_boosted": lambda: (
        LEVELS,
        {
            **GATED_CONV,
            "num_components": 2,
            "likelihood": "continuous_bernoulli",
            "prior": "mixture",
            "prior_options": {"num_components": 3},
        },
        rme_tf.Boosted(entropy_weight=0.7, warm_start_epochs=0, kl_weight=CYCLICAL, update="sequential"),
        keras.optimizers.AdamW(0.02),
    ),
    "dcgan_vamp_importance_weighted": lambda: (
        IMAGES,
        {
            **DCGAN,
            "num_components": 2,
            "likelihood": "discretized_logistic",
            "prior": "vamp",
            "prior_options": {"num_components": 3},
        },
        rme_tf.ImportanceWeighted(num_samples=2, warm_start_epochs=2),
        keras.optimizers.Adam(0.02, amsgrad=True),
    ),
    "amortised_subset_elbo": lambda: (
        PATCHES,
        {
            **MLP,
            "num_components": 4,
            "trunk": "amortised",
            "trunk_options": {"units": 3},
            "likelihood": "categorical_pixels",
        },
        rme_tf.SubsetELBO(subset_size=2, estimator="s2s", free_bits=rme_tf.FreeBits(nats=0.2, groups=1)),
        keras.optimizers.Adam(0.02),
    ),
    "pixelcnn_conditioned_recursive": lambda: (
        LEVELS,
        {
            **PIXELCNN,
            "num_components": 2,
            "trunk": "conditioned",
            "trunk_options": {"units": 3},
            "likelihood": "discretized_logistic_mixture",
            "likelihood_options": {"num_mixtures": 2},
        },
        rme_tf.RecursiveMixture(warm_start_epochs=0, bound="clamp", kl_bound=2.0, decoder_weights="uniform"),
        keras.optimizers.Adam(0.02),
    ),
    "lstm_aggressive": lambda: (
        TOKENS,
        {
            **LSTM,
            **SENTENCES,
            "encoder_options": {**LSTM["encoder_options"], "bidirectional": True, "mean_scale": 0.6},
            "decoder_options": {"skip": True},
        },
        rme_tf.ELBO(kl_weight=SIGMOID, aggressive=rme_tf.Aggressive(window=2, max_steps=5)),
        keras.optimizers.SGD(0.1, momentum=0.9),
    ),
    "lstm_vamp_recursive": lambda: (
        TOKENS,
        {
            **LSTM,
            **SENTENCES,
            "num_components": 2,
            "prior": "vamp",
            "prior_options": {"num_components": 2, "length": 3},
            "decoder_options": {"word_dropout": 0.2, "input_dropout": 0.1},
        },
        rme_tf.RecursiveMixture(warm_start_epochs=0, update="sequential"),
        keras.optimizers.Adam(0.02),
    ),
    "constant_language_model": lambda: (
        TOKENS,
        {
            "encoder": "constant",
            "decoder": "lstm",
            "decoder_options": {"use_latent": False, "units": 4},
            "posterior": DiagNormal(2, initial_scale=1.0),
            **SENTENCES,
            "likelihood_options": {"vocabulary_size": 7, "features": 3, "tied": True},
        },
        rme_tf.ELBO(),
        keras.optimizers.Adam(0.02),
    ),
    "recurrent_full_normal_hierarchical": lambda: (
        BINARY,
        {
            **MLP,
            "num_components": 2,
            "trunk": "recurrent",
            "trunk_options": {"units": 3},
            "posterior": "full_normal",
            "prior": "hierarchical",
            "prior_options": {"units": (3,)},
        },
        rme_tf.RecursiveMixture(warm_start_epochs=0, bound="none", polish_epoch=1),
        keras.optimizers.Adam(0.02),
    ),
    "householder_dsvi": lambda: (
        BINARY,
        {
            **MLP,
            "num_components": 2,
            "posterior": Householder(2, num_reflections=1),
            "refinement": "dsvi",
            "refinement_options": {"steps": 2},
        },
        rme_tf.ELBO(kl_weight=0.5),
        keras.optimizers.Adam(0.02),
    ),
    "iaf_importance_weighted": lambda: (
        BINARY,
        {**MLP, "posterior": IAF(2, context_size=2, units=(3,))},
        rme_tf.ImportanceWeighted(num_samples=3),
        keras.optimizers.Adam(0.02),
    ),
    "sylvester_dreg": lambda: (
        BINARY,
        {**MLP, "posterior": Sylvester(2, num_steps=2)},
        rme_tf.ImportanceWeighted(num_samples=3, gradient="dreg"),
        keras.optimizers.Adam(0.02),
    ),
    "semi_amortised": lambda: (
        BINARY,
        {**MLP, "refinement": "sa", "refinement_options": {"steps": 2, "learning_rate": 0.2}},
        rme_tf.ELBO(),
        keras.optimizers.Adam(0.02),
    ),
    "iterative_amortised": lambda: (
        BINARY,
        {**MLP, **MIXED, "refinement": "iai", "refinement_options": {"steps": 2, "units": (3,)}},
        rme_tf.ELBO(),
        keras.optimizers.Adam(0.02),
    ),
    "own_networks_recursive": lambda: (
        BINARY,
        {**own_networks(), "mixing": "learned", "num_components": 3, "likelihood": "bernoulli"},
        rme_tf.RecursiveMixture(warm_start_epochs=1, weights_from_polish=True, polish_epoch=2),
        keras.optimizers.Adam(keras.optimizers.schedules.ExponentialDecay(0.02, 2, 0.9)),
    ),
    "half_precision_recursive": lambda: (
        BINARY,
        {**MLP, **MIXED, "likelihood": Normal((5,), scale="decoded")},
        rme_tf.RecursiveMixture(warm_start_epochs=0, num_samples=2),
        keras.optimizers.Adam(0.02),
    ),
    "own_trunk_accumulating": lambda: (
        BINARY,
        {**own_trunk(), "likelihood": "bernoulli"},
        rme_tf.RecursiveMixture(warm_start_epochs=0),
        keras.optimizers.Adam(0.02, gradient_accumulation_steps=2, use_ema=True),
    ),
}

# Models that train on after loading: of their random numbers, all come from the model's seed.
RESUMED = (
    "half_precision_recursive",  # a loss scale
    "iterative_amortised",  # slots of a refinement's weights
    "lstm_aggressive",  # an inner loop that is under way
    "own_trunk_accumulating",  # an average of the weights, and gradients that wait
    "recurrent_full_normal_hierarchical",  # the polish begins
    "resnet_heads_recursive",  # a warm start ends
)
