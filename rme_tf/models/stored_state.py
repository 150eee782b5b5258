"""Stored state of a model: configuration, state trees and weights."""

import io
import json
import os
import pathlib
import tempfile
import zipfile

import h5py
import keras
import numpy as np

from rme_tf.core.validation import check_choice
from rme_tf.models.model_files import UNKNOWN, VERSION
from rme_tf.version import __version__

GROUPS = ("trainable_variables", "non_trainable_variables", "optimizer_variables", "metrics_variables")
PARTS = ("posterior", "likelihood", "prior", "mixing", "refinement")
SERIALIZED = ("trunk", "decoder", "likelihood", "prior", "mixing", "mixing_network", "refinement")
WEIGHTS_IN_ARCHIVE, CONFIG_IN_ARCHIVE = "model.weights.h5", "config.json"  # names in a `.keras` file


class StoredModel(keras.Model):
    """A model whose state is restored completely or not at all.

    To be implemented by subclasses:
        * the parts, which are arguments of the constructor: `encoders`, `trunk`, `decoder`, `posterior_family`,
          `likelihood`, `prior`, `mixing`, `mixing_network` and `refinement`.
        * `num_active`: variable with the number of components in use.
    """

    encoders: list
    posterior_family: keras.Layer
    num_active: keras.Variable

    def get_config(self):
        """Return the serialized parts, for `keras.saving.load_model`."""
        config = {name: keras.saving.serialize_keras_object(getattr(self, name)) for name in SERIALIZED}
        config["posterior"] = keras.saving.serialize_keras_object(self.posterior_family)
        config["encoders"] = [keras.saving.serialize_keras_object(encoder) for encoder in self.encoders]
        return {**super().get_config(), **config, VERSION: __version__}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """Return a model with the parts in `config` and new weights.

        Raises:
            ValueError: if this version of the library has no such parts; the message has both versions.
        """
        version = config.get(VERSION, UNKNOWN)
        try:
            parts = {
                name: keras.saving.deserialize_keras_object(value, custom_objects=custom_objects)
                for name, value in config.items()
                if name != VERSION
            }
            return cls(**parts)
        except (TypeError, ValueError) as error:
            if version == __version__:
                raise
            raise ValueError(
                f"Expected a model that rme_tf {__version__} can build. Received: one of rme_tf {version}. {error}"
            ) from error

    def get_state_tree(self, value_format="backend_tensor"):
        """Returns the variables by their positions "00000", "00001", ...

        Keras names variables by their paths, which differ in a model that is built again from its configuration;
        `keras.saving.load_model` of an `OrbaxCheckpoint` would then silently skip them.

        Args:
            value_format: "backend_tensor" or "numpy_array".
        """
        check_choice("value_format", value_format, ("backend_tensor", "numpy_array"))
        as_array = value_format == "numpy_array"
        return {
            group: {
                f"{place:05}": v.numpy() if as_array else v.value for place, v in enumerate(_variables(self, group))
            }
            for group in GROUPS
        }

    def set_state_tree(self, state_tree):
        """Assigns all values of a state tree.

        The values have positions or Keras's paths as names. A model without an optimizer ignores optimizer variables.

        Raises:
            ValueError: if the tree belongs to another model, before any change.
        """
        pairs = []
        for group, values in state_tree.items():
            if group != "optimizer_variables" or _variables(self, group):
                pairs += _matched(self, group, _flat(values))
        for variable, value in pairs:
            variable.assign(value)

    def load_weights(self, filepath, skip_mismatch=False, **kwargs):
        """Loads weights of a model with the same parts, like Keras.

        Args:
            filepath: path of a `.weights.h5` or `.keras` file, or of the directory of an `OrbaxCheckpoint`.
            skip_mismatch: whether to load the matching layers of another model, and skip the others.
            **kwargs: further arguments of `keras.Model.load_weights`.

        Raises:
            ValueError: if the model in the file has other components, dimensions or parts, before any change.
        """
        difference = _difference(self, pathlib.Path(filepath))
        if difference and not (skip_mismatch or kwargs):
            raise ValueError(
                f"{filepath} holds the weights of another model: {difference}. Build the model as it was, or load the "
                "layers that fit with `skip_mismatch=True`."
            )
        active = self.num_active.numpy()
        super().load_weights(filepath, skip_mismatch=skip_mismatch, **kwargs)
        if difference:
            self.num_active.assign(active)  # the number in the file counts other components


def _flat(values: dict, prefix: str = "") -> dict:
    """Returns the leaves of nested dicts by paths such as "layer/kernel"."""
    flat: dict = {}
    for name, value in values.items():
        flat |= _flat(value, f"{prefix}{name}/") if isinstance(value, dict) else {f"{prefix}{name}": value}
    return flat


def _variables(model, group: str) -> list:
    """Returns the variables of a group of the state tree, an empty list for a missing optimizer."""
    if group not in GROUPS:
        raise ValueError(f"A state tree has the groups {', '.join(GROUPS)}. Received: {group!r}.")
    if group == "optimizer_variables":
        return list(getattr(getattr(model, "optimizer", None), "variables", ()))
    return list(getattr(model, group))


def _matched(model, group: str, values: dict) -> list[tuple]:
    """Returns pairs of a variable and its value, for values by positions or by paths."""
    variables = _variables(model, group)
    by_place = {f"{place:05}": variable for place, variable in enumerate(variables)}
    by_path = {variable.path: variable for variable in variables}
    named = by_path if set(by_path) == set(values) else by_place
    shapes = {name: tuple(variable.shape) for name, variable in named.items()}
    received = {name: np.shape(value) for name, value in values.items()}
    if len(named) < len(variables) or shapes != received:
        raise ValueError(
            f"The `{group}` of the state tree are those of another model than this one, of {_description(model)}. "
            f"{_first_difference(shapes, received)}."
        )
    return [(variable, values[name]) for name, variable in named.items()]


def _description(model) -> str:
    return (
        f"{model.num_components} components, {model.latent_dim} latent dimensions and posterior "
        f"{type(model.posterior_family).__name__}"
    )


def _first_difference(expected: dict, received: dict) -> str:
    names = sorted(name for name in expected | received if expected.get(name) != received.get(name))
    shapes = [str(named.get(names[0], "none")) for named in (expected, received)]
    return f"Of {len(names)} that differ, the first is {names[0]}: expected shape {shapes[0]}, received {shapes[1]}"


def _difference(model, path: pathlib.Path) -> str:
    """Returns the difference to the model in a file of weights, or "" if equal or unknown."""
    if path.name.endswith(".weights.h5") and path.is_file():
        return _difference_of_shapes(model, path)
    if not (path.name.endswith(".keras") and zipfile.is_zipfile(path)):
        return ""
    with zipfile.ZipFile(path) as archive:
        config = json.loads(archive.read(CONFIG_IN_ARCHIVE))["config"]
        weights = io.BytesIO(archive.read(WEIGHTS_IN_ARCHIVE))
    return _difference_of_configs(model.get_config(), config) or _difference_of_shapes(model, weights)


def _difference_of_shapes(model, file) -> str:
    received = _shapes_in(file)
    if sorted(received.values()) == sorted(tuple(weight.shape) for weight in model.weights):
        return ""
    expected = _shapes_of(model)  # exact: layers may store other values than their weights
    if expected == received:
        return ""
    counts = [_num_components(shapes) for shapes in (expected, received)]
    if counts[0] != counts[1]:
        return f"expected components {counts[0]}, received {counts[1]}"
    return f"expected {_description(model)}. {_first_difference(expected, received)}"


def _difference_of_configs(expected: dict, received: dict) -> str:
    """Returns the differences of two configurations in the number of components, D and the types of parts, as text."""
    configs = (expected, received)
    pairs = {"components": [len(config.get("encoders", ())) for config in configs]}
    pairs["latent dimensions"] = [_options(config.get("posterior")).get("latent_dim", 0) for config in configs]
    for name in set(PARTS) & set(received):
        pairs[name] = [_kind(config[name]) for config in configs]
    return ", ".join(f"expected {name} {a}, received {b}" for name, (a, b) in sorted(pairs.items()) if a != b)


def _options(serialized) -> dict:
    return serialized["config"] if isinstance(serialized, dict) else {}


def _kind(serialized):
    return serialized["class_name"] if isinstance(serialized, dict) else serialized


def _shapes_in(file) -> dict[str, tuple]:
    """Returns the shapes of the stored values by path, without the optimizer."""
    shapes = {}

    def note(name, item):
        if isinstance(item, h5py.Dataset) and not name.startswith("optimizer/"):
            shapes[name] = tuple(item.shape)

    with h5py.File(file, "r") as stored:
        stored.visititems(note)
    return shapes


def _shapes_of(model) -> dict[str, tuple]:
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "own.weights.h5")
        model.save_weights(path)
        return _shapes_in(path)


def _num_components(shapes: dict) -> int:
    """Returns the number of encoders, 0 with a `ComponentNetwork`."""
    return len({name.split("/")[1] for name in shapes if name.startswith("encoders/")})
