"""Saved models of every kind load, answer as when they were saved, and train on; see `golden/make_kinds.py`."""

import json
import pathlib
import zipfile

import keras
import numpy as np
import pytest

from rme_tf import algorithms, likelihoods, networks, posteriors, priors, refinements
from rme_tf.algorithms import kl_annealing as annealing
from stored_answers import answers_of, counters_of, layers_in, resumed_losses

GOLDEN = pathlib.Path(__file__).parent
NAMES = json.loads((GOLDEN / "kinds.json").read_text(encoding="utf-8"))
with np.load(GOLDEN / "kinds.npz") as archive:
    ANSWERS = dict(archive)
RESUMED = sorted(key.split("/")[0] for key in ANSWERS if key.endswith("/losses"))
FILES = sorted(path.stem for path in (GOLDEN / "kinds").glob("*.keras"))
TABLES = {
    "algorithms": algorithms.ALGORITHMS,
    "annealings": annealing.ANNEALINGS,
    "component_networks": networks.COMPONENT_NETWORKS,
    "likelihoods": likelihoods.LIKELIHOODS,
    "mixings": posteriors.MIXINGS,
    "posteriors": posteriors.POSTERIORS,
    "priors": priors.PRIORS,
    "refinements": refinements.REFINEMENTS,
}
CLASSES = [(table, name, registered) for table in TABLES for name, registered in sorted(NAMES[table].items())]
LAYERS = [(table, name, layers) for table in ("decoders", "encoders") for name, layers in sorted(NAMES[table].items())]

CLOSE = {"rtol": 1e-4, "atol": 2e-5}  # other processors add float32 numbers in another order
CLOSE_AFTER_TRAINING = {"rtol": 1e-3, "atol": 1e-4}  # Adam magnifies the rounding of a gradient that is about zero
TOLERANCES = {
    "half_precision_recursive": {"rtol": 1e-2, "atol": 1e-2},  # the networks compute in float16, of 11 bits
    "sylvester_dreg": {"rtol": 1e-3, "atol": 1e-3},  # a density solves for its noise, to float32, step after step
}


def configuration(file) -> dict:
    """The configuration in a file, as JSON."""
    with zipfile.ZipFile(GOLDEN / "kinds" / f"{file}.keras") as archive:
        return json.loads(archive.read("config.json"))


def without_modules(config):
    """A configuration whose classes of this library are in modules that there are not."""
    if isinstance(config, list):
        return [without_modules(entry) for entry in config]
    if not isinstance(config, dict):
        return config
    moved = {name: without_modules(value) for name, value in config.items()}
    if str(config.get("module")).startswith("rme_tf"):
        moved["module"] = "rme_tf.nowhere"
    return moved


def parts_of(configurations, table) -> list:
    """The serialized encoders, with what gives them features, or the decoders."""
    parts = [config["config"] for config in configurations]
    if table == "decoders":
        return [part["decoder"] for part in parts]
    trunks = [part["trunk"] for part in parts if part["trunk"] is not None]
    inner = [trunk["config"]["network"] for trunk in trunks if "network" in trunk["config"]]
    return [encoder for part in parts for encoder in part["encoders"]] + trunks + inner


@pytest.fixture(scope="module")
def configurations():
    return {file: configuration(file) for file in FILES}


def test_every_golden_file_has_answers():
    assert {key.split("/")[0] for key in ANSWERS} == set(FILES)
    assert set(TOLERANCES) < set(FILES)
    assert len(RESUMED) == 6


@pytest.mark.slow
@pytest.mark.parametrize("file", FILES)
def test_a_saved_model_answers_as_when_it_was_saved(file):
    then = {key.split("/")[1]: value for key, value in ANSWERS.items() if key.split("/")[0] == file}
    model = keras.saving.load_model(GOLDEN / "kinds" / f"{file}.keras")
    now = answers_of(model, then["x"], then["z"])
    assert {*now, *counters_of(model), "x", "z"} == set(then) - {"losses"}
    for name, value in now.items():
        np.testing.assert_allclose(value, then[name], err_msg=name, **TOLERANCES.get(file, CLOSE))
    for name, value in counters_of(model).items():
        np.testing.assert_allclose(value, then[name], rtol=1e-6, err_msg=name)


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
@pytest.mark.filterwarnings("ignore:Aggressive training will last:UserWarning")
@pytest.mark.parametrize("file", RESUMED)
def test_a_saved_model_trains_on_as_it_did(file):
    model = keras.saving.load_model(GOLDEN / "kinds" / f"{file}.keras")
    losses = resumed_losses(model, ANSWERS[f"{file}/x"])
    np.testing.assert_allclose(losses, ANSWERS[f"{file}/losses"], **TOLERANCES.get(file, CLOSE_AFTER_TRAINING))


@pytest.mark.parametrize(("table", "name", "registered"), CLASSES, ids=lambda value: str(value).replace("rme_tf>", ""))
def test_a_class_of_a_table_is_in_a_golden_file_and_still_in_the_table(table, name, registered, configurations):
    assert any(registered in layers_in(config) for config in configurations.values()), name
    assert keras.saving.get_registered_object(registered) in TABLES[table].values()


@pytest.mark.parametrize(("table", "name", "layers"), LAYERS, ids=lambda value: value if isinstance(value, str) else "")
def test_a_network_by_name_is_in_a_golden_file(table, name, layers, configurations):
    assert any(layers_in(part) == layers for part in parts_of(configurations.values(), table)), name


def test_networks_of_the_user_are_in_golden_files(configurations):
    """Layers that no network by name has."""
    own = [set(layers_in(part)) for part in parts_of(configurations.values(), "encoders")]
    assert any({"BatchNormalization", "Dropout", "Sequential"} <= layers for layers in own)
    assert any({"Concatenate", "Functional"} <= layers for layers in own)


@pytest.mark.parametrize("registered", NAMES["registered"])
def test_a_registered_name_is_in_a_golden_file_and_stands_for_a_class(registered, configurations):
    assert any(registered in layers_in(config) for config in configurations.values())
    assert isinstance(keras.saving.get_registered_object(registered), type)


def test_a_file_loads_whatever_modules_its_classes_were_in(configurations):
    moved = without_modules(configurations["resnet_heads_recursive"])
    assert json.dumps(moved).count("rme_tf.nowhere") >= 5
    model = keras.saving.deserialize_keras_object(moved)
    assert model.num_components == 3
    assert type(model.algorithm) is algorithms.RecursiveMixture
