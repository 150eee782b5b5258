"""Writes `kinds/`: a tiny trained model of each kind that the library's tables offer, with its answers.

Made once, by the code of ee62330, with `python tests/golden/make_kinds.py` and the repository at that commit on
PYTHONPATH. `test_golden_kinds.py` loads them. They are not to be made again by later code, which would test that code
by itself; a choice that is added later needs none. `kinds.json` has the names in the tables of that commit, each
with what it leaves in a file's config: the registered name of a class, or the classes of a network's layers.
"""

import json
import os
import pathlib

os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import numpy as np
import tensorflow as tf
from rme_tf.annealing import ANNEALINGS

import rme_tf
from chosen_kinds import KINDS, RESUMED
from make_golden import compress
from rme_tf.algorithms import ALGORITHMS
from rme_tf.likelihoods import LIKELIHOODS
from rme_tf.networks import COMPONENT_NETWORKS, DECODERS, ENCODERS
from rme_tf.posteriors import MIXINGS, POSTERIORS
from rme_tf.priors import PRIORS
from rme_tf.refinements import REFINEMENTS
from stored_answers import answers_of, counters_of, fixed_codes, layers_in, resumed_losses

FOLDER = pathlib.Path(__file__).parent
TABLES = {
    "algorithms": ALGORITHMS,
    "annealings": ANNEALINGS,
    "component_networks": COMPONENT_NETWORKS,
    "likelihoods": LIKELIHOODS,
    "mixings": MIXINGS,
    "posteriors": POSTERIORS,
    "priors": PRIORS,
    "refinements": REFINEMENTS,
}
NETWORKS = {"encoders": ENCODERS, "decoders": DECODERS}
POLICIES = {"half_precision_recursive": "mixed_float16"}
SPREAD = 0.2


def built(name: str) -> tuple:
    """Returns a compiled model, its observations and its choices."""
    keras.utils.set_random_seed(0)
    keras.config.set_dtype_policy(POLICIES.get(name, "float32"))
    x, choices, algorithm, optimizer = KINDS[name]()
    if "encoders" in choices:
        model = rme_tf.VAE(**{"posterior": "diag_normal", **choices}, seed=3)
    else:
        shape = (None,) if choices.get("likelihood") == "categorical_sequence" else x.shape[1:]
        model = rme_tf.VAE.from_names(input_shape=shape, latent_dim=2, **choices, seed=3)
    keras.config.set_dtype_policy("float32")
    generator = np.random.default_rng(0)
    for variable in model.trainable_variables:  # at their start biases are zero, flows and weights of mixtures idle
        variable.assign(np.asarray(variable.value) + generator.normal(scale=SPREAD, size=tuple(variable.shape)))
    model.compile(optimizer, algorithm)
    return model, x, choices


def make(name: str) -> tuple[dict, dict]:
    """Trains and saves a model; returns its answers, and the layers of its networks by their names."""
    model, x, choices = built(name)
    model.fit(x, batch_size=len(x) // 2, epochs=1, shuffle=False, verbose=0)
    path = FOLDER / "kinds" / f"{name}.keras"
    model.save(path)
    compress(path)
    z = fixed_codes(model, x)
    answers = {"x": x, "z": z, **answers_of(model, x, z), **counters_of(model)}
    if name in RESUMED:
        answers["losses"] = resumed_losses(keras.saving.load_model(path), x)
    first = model.encoders[0] if model.trunk is None else getattr(model.trunk, "network", model.trunk)
    parts = {"encoders": (choices.get("encoder"), first), "decoders": (choices.get("decoder"), model.decoder)}
    layers = {
        table: {choice: layers_in(json.loads(json.dumps(keras.saving.serialize_keras_object(network))))}
        for table, (choice, network) in parts.items()
        if choice in NETWORKS[table]
    }
    return {f"{name}/{key}": value for key, value in answers.items()}, layers


def main() -> None:
    """Makes them all, and the tables of their names."""
    tf.config.run_functions_eagerly(True)  # for a few steps that is cheaper than to trace them
    (FOLDER / "kinds").mkdir(exist_ok=True)
    answers: dict = {}
    names: dict = {
        table: {name: keras.saving.get_registered_name(choice) for name, choice in choices.items()}
        for table, choices in TABLES.items()
    }
    names["registered"] = sorted(name for name in keras.saving.get_custom_objects() if name.startswith("rme_tf>"))
    for kind in KINDS:
        own, networks = make(kind)
        answers |= own
        for table, layers in networks.items():
            names.setdefault(table, {}).update(layers)
    if any(set(names[table]) != set(choices) for table, choices in NETWORKS.items()):
        raise ValueError(f"Expected a model of every network by name. Received: {names}.")
    np.savez_compressed(FOLDER / "kinds.npz", **answers)
    (FOLDER / "kinds.json").write_text(json.dumps(names, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
