"""Objects that a recipe builds, as plain values, and their digests."""

import dataclasses
import hashlib
import inspect
import json

from rme_tf.experiments import ImageRecipe, TextRecipe
from rme_tf.experiments.recipes import factories
from rme_tf.likelihoods import LIKELIHOODS
from rme_tf.networks import DECODERS, ENCODERS
from rme_tf.priors import PRIORS
from rme_tf.refinements import REFINEMENTS

STEPS_PER_EPOCH = 7
OF_KERAS = ("name", "dtype", "trainable", "registered_name", "module", "build_config")
# Arguments that the digests are too old to have, and their values without effect.
ADDED = {"components_per_step": None, "interval": (0.0, 1.0), "shared": False}
FIELDS = (
    *("latent_dim", "components", "policy", "jit_compile", "steps_per_execution", "epochs", "batch_size"),
    *("reset_decoder_epoch", "patience", "train_size", "importance_samples"),
)


def without_added(values):
    return {name: value for name, value in values.items() if name not in ADDED or value != ADDED[name]}


def plain(value):
    """Values that JSON has."""
    if dataclasses.is_dataclass(value):
        fields = {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return {"class": type(value).__name__, **without_added(fields)}
    if isinstance(value, dict):
        return {key: plain(part) for key, part in without_added(value).items() if key not in OF_KERAS}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    return value if isinstance(value, int | float | str | bool | None) else repr(value)


def of_layer(layer):
    return {"class": type(layer).__name__, **plain(layer.get_config())}


def completed(build, options):
    """Options of a builder with its defaults."""
    signature = inspect.signature(build)
    parameters = signature.parameters
    if "options" in parameters:
        returned = signature.return_annotation
        parameters = {} if returned is signature.empty else inspect.signature(returned.__init__).parameters
    defaults = {name: part.default for name, part in parameters.items() if part.default is not part.empty}
    return plain({**{name: value for name, value in defaults.items() if name not in OF_KERAS}, **options})


def built(recipe):
    """All that a recipe builds for a training, without its seed."""
    recipe = recipe.resolved()
    images = isinstance(recipe, ImageRecipe)
    chosen = {"posterior": factories.make_posterior(recipe), **factories.names_and_options(recipe)}
    for name, value in recipe.model_options((8, 8, 1) if images else 30).items():
        chosen[name] = {**chosen[name], **value} if name.endswith("_options") else value
    encoders = chosen["encoder_options"]
    encoders = encoders if isinstance(encoders, list) else [encoders]
    encoders = [] if chosen["encoder"] == "constant" else encoders  # which has no use for them
    likelihood, prior, refinement = (chosen[name] for name in ("likelihood", "prior", "refinement"))
    steps = recipe.steps_per_execution or 1  # chosen steps of an execution give the numbers of 1
    fields = (*FIELDS, *(() if images else ("weight_range", "embedding_range")))
    return {
        **{name: chosen[name] for name in ("encoder", "decoder", "trunk")},
        "encoder_options": [completed(ENCODERS[chosen["encoder"]], options) for options in encoders],
        "decoder_options": completed(DECODERS[chosen["decoder"]], chosen["decoder_options"]),
        "likelihood": {
            "class": LIKELIHOODS[likelihood].__name__,
            **completed(LIKELIHOODS[likelihood], chosen["likelihood_options"]),
        },
        "posterior": of_layer(chosen["posterior"]),
        "prior": of_layer(PRIORS[prior](recipe.latent_dim, **chosen["prior_options"])),
        "mixing": of_layer(factories.make_mixing(recipe)),
        "refinement": refinement and of_layer(REFINEMENTS[refinement](**chosen["refinement_options"])),
        "algorithm": plain(factories.make_algorithm(recipe, STEPS_PER_EPOCH)),
        "optimizer": of_layer(factories.make_optimizer(recipe, STEPS_PER_EPOCH)),
        "others": {**{name: getattr(recipe, name) for name in fields}, "steps_per_execution": steps},
    }


def digest(recipe):
    return hashlib.sha256(json.dumps(built(recipe), sort_keys=True).encode()).hexdigest()[:12]


def kind_of(config):
    """The class of a recorded configuration."""
    return TextRecipe if "corpus" in config else ImageRecipe
