"""Copies of networks: the same configuration, the same weights, and what layers keep beside their weights."""

import tempfile

import keras
import numpy as np

from rme_tf.core.keras_compat import layers_of, own_variables

NOISE = 0.01  # of a copy's weight, as a share of that weight's root mean square


def fresh_copy(network):
    """Returns a Keras layer of the same configuration with new weights."""
    return type(network).from_config(network.get_config())


def copies_of(network, count: int) -> list:
    """Returns fresh copies that have the state of all layers that are built: adapted ones can be called at once."""
    copies = [fresh_copy(network) for _ in range(count)]
    for copy in copies:
        copy_state(network, copy)
    return copies


def spread(networks, *, seed: int) -> None:
    """Makes all networks copies of the first, each with noise of its own on what trains.

    All state is copied: frozen, adapted, pre-trained weights, moving statistics, vocabularies, and which weights train.
    The noise, `NOISE` of the root mean square of each trainable weight, is what identical components of a mixture
    would need to become different ones.

    Args:
        networks: list of networks of one configuration, built.
        seed: of the noise.
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
    """Gives a network the state of each layer of another of its configuration, as saving and loading would.

    Layers that are not built in both are passed over.
    """
    for each, other in layer_pairs(source, target):
        if other.trainable != each.trainable:
            other.trainable = each.trainable
        for variable, own in zip(own_variables(each), own_variables(other), strict=True):
            if own.trainable != variable.trainable:
                own.trainable = variable.trainable
        _pass_variables(each, other)
    copy_vocabularies(source, target)


def renew(network, fresh, moved) -> None:
    """Gives a network the weights of a fresh one of its configuration: those that train, and those `moved` in training.

    Frozen layers and what has been adapted stay as they are.
    """
    learned = {id(weight) for weight in [*network.trainable_variables, *moved]}
    for old, new in zip(network.weights, fresh.weights, strict=True):
        if id(old) in learned:
            old.assign(new)


def copy_vocabularies(source, target) -> bool:
    """Gives the layers of a network the files that those of another of its types would save; returns whether any do."""
    pairs = [pair for pair in layer_pairs(source, target) if has_files(pair[0])]
    for each, other in pairs:
        with tempfile.TemporaryDirectory() as folder:
            each.save_assets(folder)
            other.load_assets(folder)
    return bool(pairs)


def refresh(network) -> bool:
    """Lets layers derive anew what they keep of their weights, as when they are loaded.

    `keras.layers.Normalization` normalizes by such a copy, which assigning its weights does not change.

    Returns:
        Whether any layer keeps something, which functions traced before then hold as it was.
    """
    changed = False
    for layer in layers_of(network):
        before = dict(vars(layer))
        _pass_variables(layer, layer)
        now = vars(layer).items()
        changed |= any(keras.ops.is_tensor(value) and value is not before.get(name) for name, value in now)
    return changed


def layer_pairs(source, target) -> list[tuple]:
    """Returns the pairs of layers of two networks with variables of the same shapes; none if their types differ."""
    layers, others = layers_of(source), layers_of(target)
    if [type(layer) for layer in layers] != [type(layer) for layer in others]:
        return []
    return [pair for pair in zip(layers, others, strict=True) if _shapes(pair[0]) == _shapes(pair[1])]


def _shapes(layer) -> list:
    return [tuple(variable.shape) for variable in own_variables(layer)]


def has_files(layer) -> bool:
    """Returns whether a layer keeps state that is saved as files: a vocabulary, say."""
    return hasattr(layer, "save_assets") and hasattr(layer, "load_assets")


def _pass_variables(source, target) -> None:
    """Saves the variables of one layer and loads them into another, or into itself, by Keras's own methods."""
    store: dict = {}
    source.save_own_variables(store)
    target.load_own_variables({name: _as_array(value) for name, value in store.items()})


def _as_array(value):
    return value.numpy() if hasattr(value, "numpy") else np.asarray(value)
