"""Places of a recipe for choices in the library's tables."""

from collections.abc import Mapping

import keras

from rme_tf.algorithms import ALGORITHMS
from rme_tf.algorithms.capabilities import refused_arguments
from rme_tf.experiments.parts.options import Option
from rme_tf.experiments.parts.slots import Slot
from rme_tf.likelihoods import LIKELIHOODS
from rme_tf.models.building import SHARED
from rme_tf.networks import COMPONENT_NETWORKS, DECODERS, ENCODERS
from rme_tf.posteriors import MIXINGS, POSTERIORS
from rme_tf.priors import PRIORS
from rme_tf.refinements import REFINEMENTS

OPTIMIZERS = {"adam": keras.optimizers.Adam, "sgd": keras.optimizers.SGD}
OPTIMIZER_TEXTS = {
    "learning_rate": "learning rate, at the start of its schedule",
    "weight_decay": "weight decay of a step, relative to the learning rate; None for none",
    "clipnorm": "largest norm of the gradient of each weight; None for no limit",
    "clipvalue": "largest absolute value of each entry of a gradient; None for no limit",
    "global_clipnorm": "largest norm of all gradients together; None for no limit",
    "momentum": "share of the last step in the next one",
    "nesterov": "whether the momentum is Nesterov's",
    "beta_1": "decay rate of the mean of the gradients",
    "beta_2": "decay rate of the mean of the squared gradients",
    "epsilon": "constant in the denominator of a step, against division by zero",
    "amsgrad": "whether the largest mean of the squared gradients is used, as in AMSGrad",
    "use_ema": "whether moving averages of the weights replace them at the end of training",
    "ema_momentum": "decay rate of these moving averages",
    "ema_overwrite_frequency": "steps after which the moving averages replace the weights; None for the end only",
    "loss_scale_factor": "factor of the loss, against underflow in half precision; None for none",
    "gradient_accumulation_steps": "batches whose gradients are averaged for one update; None for one batch",
}
TRUNKS = {SHARED: None, **COMPONENT_NETWORKS}
MEAN_SCALE = Option(
    "mean_scale",
    float | None,
    None,
    "standard deviation that batch normalization gives the posterior means (BN-VAE); None for no normalization",
)
# Arguments that depend on the data or other fields, with values for a trial of the other arguments.
CODE = {"latent_dim": 4}
OBSERVATION = {"event_shape": (8, 8, 1)}


def encoder_place(table: Mapping) -> Slot:
    """Returns the place for an encoder of a table."""
    supplied = {"input_shape": None, "output_size": None, "vocabulary_size": None}
    return Slot("encoder", table, supplied, {"mean_scale": MEAN_SCALE}, tried=False)


def decoder_place(table: Mapping) -> Slot:
    """Returns the place for a decoder of a table."""
    supplied = {"latent_dim": None, "output_shape": None, "features": None, "vocabulary_size": None, "use_latent": None}
    return Slot("decoder", table, supplied, tried=False)


def likelihood_place(table: Mapping, supplied: Mapping | None = None) -> Slot:
    """Returns the place for a likelihood of a table."""
    return Slot("likelihood", table, {**OBSERVATION, **(supplied or {})})


# By the field of the recipe.
PLACES: dict[str, Slot] = {
    "encoder": encoder_place(ENCODERS),
    "trunk": Slot(
        "trunk",
        TRUNKS,
        dict.fromkeys(("network", "num_components", "num_params", "num_shared")),
        optional=True,
        tried=False,
    ),
    "decoder": decoder_place(DECODERS),
    "likelihood": likelihood_place(LIKELIHOODS, {"vocabulary_size": 8}),
    "posterior": Slot("posterior", POSTERIORS, CODE),
    "prior": Slot("prior", PRIORS, CODE),
    "refinement": Slot("refinement", REFINEMENTS, optional=True),
    "mixing": Slot("mixing", MIXINGS),
    "algorithm": Slot("algorithm", ALGORITHMS, refused=refused_arguments),
    "optimizer": Slot(
        "optimizer", OPTIMIZERS, exclusive=("clipnorm", "clipvalue", "global_clipnorm"), texts=OPTIMIZER_TEXTS
    ),
}
