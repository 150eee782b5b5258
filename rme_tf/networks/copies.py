"""Copies of networks: configuration, weights, and other state of layers."""

import re
import tempfile
import textwrap

import keras
import numpy as np

from rme_tf.core.keras_compat import layers_of, own_variables

COPY_ERRORS = (AttributeError, NotImplementedError, TypeError, ValueError)  # of `get_config` and `from_config`
LONGEST = 200  # characters of such an error in a message
NOISE = 0.01  # on a copied weight, relative to the root mean square of the weight


def fresh_copy(network, name: str = "network", remedy: str = ""):
    """Returns a Keras layer with the same configuration and new weights.

    Args:
        network: Keras layer.
        name: name of the network and purpose of the copy, for the message of an error.
        remedy: end of that message, after "or".

    Raises:
        ValueError: if the layer has no configuration, or classes in it are not registered.
    """
    try:
        return type(network).from_config(network.get_config())
    except COPY_ERRORS as error:
        text, others = str(error).strip(), f", or {remedy}" if remedy else ""
        unknown = re.search(r"Could not locate (class|function) '(\w+)'", text)
    if unknown:  # Keras's message has the whole configuration
        raise ValueError(
            f"To copy the {name}, its classes must be registered: decorate `{unknown[2]}` with "
            f'`@keras.saving.register_keras_serializable("my_package")`{others}.'
        )
    received = textwrap.shorten(text.partition("\n")[0], LONGEST).rstrip(".")
    raise ValueError(
        f"To copy the {name}, `get_config` and `from_config` must work: write them for {type(network).__name__}"
        f"{others}. Received: {received}."
    )


def copies_of(network, count: int, name: str = "network", remedy: str = "") -> list:
    """Returns copies with the state of all built layers.

    Copies of adapted layers, such as `keras.layers.Normalization`, need no new adaptation.

    Args:
        network: Keras layer.
        count: number of copies.
        name: argument of `fresh_copy`.
        remedy: argument of `fresh_copy`.
    """
    copies = [fresh_copy(network, name, remedy) for _ in range(count)]
    for copy in copies:
        copy_state(network, copy)
    return copies


def spread(networks, *, seed: int) -> None:
    """Makes all networks noisy copies of the first.

    All state is copied: frozen, adapted and pre-trained weights, moving statistics, vocabularies, and the `trainable`
    flags. Identical components of a mixture would get identical gradients; independent noise of `NOISE` times the root
    mean square of each trainable weight makes them different.

    Args:
        networks: list of built networks with one configuration.
        seed: seed of the noise.
    """
    generator = np.random.default_rng(seed)
    first, *others = networks
    for network in others:
        copy_state(first, network)
        for variable in network.trainable_variables:
            value = _as_array(variable).astype("float64")
            scale = NOISE * np.sqrt(np.mean(np.square(value)))
            variable.assign(value + generator.normal(scale=scale, size=value.shape))


def copy_state(source, target) -> None:
    """Copies the state of all layers to another network.

    The result equals saving and loading. Layers that are not built in both networks are skipped.

    Args:
        source: Keras layer.
        target: Keras layer with the same configuration.
    """
    for layer, other in layer_pairs(source, target):
        if other.trainable != layer.trainable:
            other.trainable = layer.trainable
        for variable, copied in zip(own_variables(layer), own_variables(other), strict=True):
            if copied.trainable != variable.trainable:
                copied.trainable = variable.trainable
        _pass_variables(layer, other)
    copy_vocabularies(source, target)


def renew(network, other, moved) -> None:
    """Replaces the learned weights of a network by weights of another network.

    Frozen and adapted weights stay as they are.

    Args:
        network: Keras layer.
        other: Keras layer with the same configuration.
        moved: non-trainable weights of `network` that change in training, such as moving statistics.
    """
    learned = {id(weight) for weight in [*network.trainable_variables, *moved]}
    for old, new in zip(network.weights, other.weights, strict=True):
        if id(old) in learned:
            old.assign(new)


def copy_vocabularies(source, target) -> bool:
    """Copies the assets of layers, and returns whether there are any.

    Args:
        source: Keras layer with assets.
        target: Keras layer with layers of the same types.
    """
    pairs = [pair for pair in layer_pairs(source, target) if has_files(pair[0])]
    for layer, other in pairs:
        with tempfile.TemporaryDirectory() as folder:
            layer.save_assets(folder)
            other.load_assets(folder)
    return bool(pairs)


def refresh(network) -> bool:
    """Recomputes tensors that layers derive from their weights, as loading does.

    `keras.layers.Normalization`, for example, holds copies of its weights, which an assignment to the weights does not
    change.

    Returns:
        Whether any layer has such tensors; functions traced earlier still have the old values.
    """
    changed = False
    for layer in layers_of(network):
        before = dict(vars(layer))
        _pass_variables(layer, layer)
        now = vars(layer).items()
        changed |= any(keras.ops.is_tensor(value) and value is not before.get(name) for name, value in now)
    return changed


def layer_pairs(source, target) -> list[tuple]:
    """Returns pairs of layers of two networks with equal shapes of variables.

    The list is empty if the types of the layers differ.

    Args:
        source: Keras layer.
        target: Keras layer.
    """
    layers, others = layers_of(source), layers_of(target)
    if [type(layer) for layer in layers] != [type(layer) for layer in others]:
        return []
    return [pair for pair in zip(layers, others, strict=True) if _shapes(pair[0]) == _shapes(pair[1])]


def _shapes(layer) -> list:
    return [tuple(variable.shape) for variable in own_variables(layer)]


def has_files(layer) -> bool:
    """Returns whether a layer has assets: state saved as files."""
    return hasattr(layer, "save_assets") and hasattr(layer, "load_assets")


def _pass_variables(source, target) -> None:
    """Saves the variables of a layer and loads them into another layer, or itself, by Keras's methods."""
    store: dict = {}
    source.save_own_variables(store)
    target.load_own_variables({name: _as_array(value) for name, value in store.items()})


def _as_array(value):
    return value.numpy() if hasattr(value, "numpy") else np.asarray(value)
