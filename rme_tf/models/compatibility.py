"""Checks that the networks and distributions of a `VAE` fit each other."""

import re
import textwrap
import warnings

import keras
import numpy as np
import tensorflow as tf

from rme_tf.core.keras_compat import layers_of
from rme_tf.networks import ComponentNetwork
from rme_tf.networks.copies import has_files
from rme_tf.networks.output_activation import VALUES, output_activation
from rme_tf.networks.row_layers import known_apart

CALL_ERRORS = (TypeError, ValueError, tf.errors.InvalidArgumentError)  # errors of a network with wrong inputs
OTHER_CODE = 1.5  # in all dimensions
ROUNDING = 0.05  # relative to the largest output, in half precision
LONGEST = 400  # characters of an error in a message


def check_network(network, name: str, kind: str = "") -> None:
    """Checks that a network is a Keras model or layer.

    Args:
        network: any object.
        name: name of the network, for the message.
        kind: description of the network, for the message.

    Raises:
        ValueError: if the network is of another type.
    """
    if not isinstance(network, keras.Layer):
        hint = " Networks by name are for `VAE.from_names`." if isinstance(network, str) else ""
        raise ValueError(f"The {name} must be a Keras model or layer, an instance{kind}. Received: {network!r}.{hint}")


def check_output(network, inputs, expected, name: str):
    """Returns a network's output for one row, which builds it.

    Args:
        network: Keras model or layer.
        inputs: inputs of the network for a batch of one.
        expected: shape of the output without the batch, with None for any size.
        name: name of the network, for the message.

    Raises:
        ValueError: if the output has another shape.
    """
    check_network(network, name)
    of_batch = (1, *expected)
    outputs, fits = None, False
    try:
        outputs = network(inputs)
        received = shapes(outputs)
        if keras.ops.is_tensor(outputs):
            shape = tuple(outputs.shape)
            fits = len(shape) == len(of_batch) and all(w in (None, s) for s, w in zip(shape, of_batch, strict=True))
            received = f"{shape[1:]}" if shape[:1] == (1,) else f"{shape} for a batch of one"
    except CALL_ERRORS as error:
        received, cause = in_one_line(error), error
    else:
        cause = None
    if not fits:
        raise ValueError(
            f"The {name} must turn inputs of shape {shapes(inputs)} into outputs of shape {tuple(expected)}. "
            f"Received: {received}."
        ) from cause
    return outputs


def shapes(structure) -> str:
    """Returns the shapes of tensors without the batch, as text."""

    def shape_of(part):
        return tuple(part.shape[1:]) if keras.ops.is_tensor(part) else type(part).__name__

    if keras.ops.is_tensor(structure):
        return f"{shape_of(structure)}"
    return f"{keras.tree.map_structure(shape_of, structure)}"


def in_one_line(error: Exception) -> str:
    """Returns the type and text of an error, uncolored and truncated."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
    return f"{type(error).__name__}: {textwrap.shorten(text, LONGEST)}".rstrip(".")


def input_shapes(network) -> list[tuple]:
    """Returns the known input shapes of a network, without the batch."""
    inputs = getattr(network, "inputs", None)
    if inputs is not None:
        return [tuple(part.shape[1:]) for part in keras.tree.flatten(inputs)]
    config = network.get_build_config() if getattr(network, "built", False) else None
    shape = (config or {}).get("input_shape", ())
    one = all(size is None or isinstance(size, int) for size in shape)
    return [tuple(shape[1:])] if shape and one else []


def is_autoregressive(decoder) -> bool:
    """Returns whether a decoder takes [z, x].

    The decoder has the attribute `autoregressive`, or is a functional model with two inputs.
    """
    inputs = getattr(decoder, "inputs", None)
    return getattr(decoder, "autoregressive", isinstance(inputs, list) and len(inputs) == 2)


def decoder_example(decoder, latent_dim: int, likelihood, batch_size: int = 1):
    """Returns example inputs of a decoder, z or [z, x].

    Args:
        decoder: Keras model z -> params, or [z, x] -> params.
        latent_dim: number of latent dimensions D.
        likelihood: `Likelihood` with an example of x.
        batch_size: number of rows.
    """
    z = keras.ops.zeros([batch_size, latent_dim])
    return [z, likelihood.example(batch_size)] if is_autoregressive(decoder) else z


def named(encoders) -> dict:
    """Returns the encoders by name, for messages."""
    return {f"encoder {m}": encoder for m, encoder in enumerate(encoders)}


def check_weights_apart(parts: dict) -> None:
    """Checks that no two parts share a weight or a vocabulary.

    Every part is saved with its own configuration, so loaded parts have separate layers: Keras would save a shared
    weight, but not load it.

    Args:
        parts: dict of networks and distributions by name.

    Raises:
        ValueError: if two parts share state.
    """
    owners: dict[int, str] = {}
    for name, part in parts.items():
        state = {id(variable): variable.path for variable in part.weights}
        state |= {id(layer): layer.name for layer in layers_of(part) if has_files(layer)}
        for key, path in state.items():
            owner = owners.setdefault(key, name)
            if owner != name:
                raise ValueError(
                    "Every network needs weights of its own, and so does every distribution: shared ones would not "
                    f"load again. What all components share is the `trunk`. Received: {path} in {owner} and {name}."
                )


def check_before_copies(model, encoder) -> None:
    """Builds and checks the encoder of a `VAE` before it is copied.

    Raises:
        ValueError: if the outputs of the network do not fit the posterior.
    """
    if not isinstance(model.trunk, ComponentNetwork):  # which has no encoders
        _check_encoders(named([encoder]), _features(model), model.posterior_family)


def check_parts(model) -> None:
    """Builds the networks of a `VAE` and checks that all parts fit.

    Raises:
        ValueError: if a network does not fit the distributions or another network.
    """
    parts, features = named(model.encoders), _features(model)
    if isinstance(model.trunk, ComponentNetwork):
        _check_component_network(model.trunk, features, model.posterior_family)
    _check_encoders(parts, features, model.posterior_family)
    check_network(model.decoder, "decoder")
    inputs = decoder_example(model.decoder, model.latent_dim, model.likelihood)
    outputs = check_output(model.decoder, inputs, model.likelihood.params_shape, "decoder")
    warn_of_bounded_params(model.decoder, inputs, model.likelihood)
    warn_of_mixed_rows(model, outputs)
    if hasattr(model.decoder, "step") and model.likelihood.parts == "pixels":
        model.likelihood.of_pixel()  # raises ValueError if pixels cannot be drawn one by one
    if model.prior.latent_dim != model.latent_dim:
        raise ValueError(
            f"Prior and posterior must agree in `latent_dim`. Expected {model.latent_dim}. "
            f"Received: {model.prior.latent_dim}."
        )
    if model.mixing.learned and model.num_components > 1:
        if model.mixing_network is None:
            raise ValueError("Learned mixing weights need a `mixing_network` [B, ...] -> [B, M-1]. Received: None.")
        check_output(model.mixing_network, features, (model.num_components - 1,), "mixing network")
        parts["mixing network"] = model.mixing_network
    others = {
        "trunk": model.trunk,
        "decoder": model.decoder,
        "likelihood": model.likelihood,
        "prior": model.prior,
        "posterior family": model.posterior_family,
        "mixing": model.mixing,
        "refinement": model.refinement,
    }
    parts |= {name: part for name, part in others.items() if part is not None}
    check_weights_apart(parts)  # late: some have been built just now
    if model.refinement is not None:
        model.refinement.check(model.posterior_family)


def _features(model):
    """Returns the input of the encoders for a batch of one."""
    dummy = model.likelihood.encoder_input(model.likelihood.example())
    with_heads = model.trunk is not None and not isinstance(model.trunk, ComponentNetwork)
    return features_of(model.trunk, dummy) if with_heads else dummy


def _check_component_network(trunk: ComponentNetwork, dummy, family) -> None:
    """Checks the number of components, of params, and of params that all components share."""
    check_output(trunk, dummy, (trunk.num_components, family.num_params), "trunk")
    if trunk.num_shared != family.num_shared:
        raise ValueError(
            f"The trunk must have the params that all components of {type(family).__name__} share once, and no other: "
            f"expected num_params={family.num_params - family.num_shared} and num_shared={family.num_shared}. "
            f"Received: num_params={trunk.num_params} and num_shared={trunk.num_shared}."
        )


def _check_encoders(encoders: dict, features, family) -> None:
    """Builds and checks encoders by name. Copies of the first have outputs for shared params, too, without effect."""
    of_each = family.num_params - family.num_shared
    for m, (name, encoder) in enumerate(encoders.items()):
        outputs = check_output(encoder, features, (None if m and family.num_shared else family.num_params,), name)
        if outputs.shape[-1] not in (of_each, family.num_params):
            raise ValueError(
                f"The {name} must turn inputs of shape {shapes(features)} into outputs of shape ({of_each},): the "
                f"{family.num_shared} params that all components share are outputs of encoder 0. "
                f"Received: {tuple(outputs.shape[1:])}."
            )


def warn_of_bounded_params(decoder, inputs, likelihood) -> None:
    """Warns of an output activation that restricts unconstrained params.

    Args:
        decoder: built decoder.
        inputs: example inputs of the decoder.
        likelihood: `Likelihood` of the params.
    """
    if likelihood.unconstrained is None:
        return
    activation = output_activation(decoder, inputs)
    if activation is not None:
        warnings.warn(
            f"The decoder ends in {activation.lower()}, whose values are {VALUES[activation]}, and what "
            f"{type(likelihood).__name__} takes are {likelihood.unconstrained}: any real numbers, of which it makes "
            "probabilities and scales itself. Leave the last activation out.",
            stacklevel=4,  # at the call of the model's constructor
        )


def warn_of_mixed_rows(model, outputs) -> None:
    """Warns of a decoder whose outputs depend on other rows.

    Args:
        model: `VAE` with the decoder, which is called outside of training.
        outputs: outputs of the decoder for a batch of one.
    """
    if known_apart(model.decoder):
        return
    codes = decoder_example(model.decoder, model.latent_dim, model.likelihood, batch_size=2)
    other = tf.constant([[0.0], [OTHER_CODE]])
    codes = [codes[0] + other, *codes[1:]] if isinstance(codes, list) else codes + other
    one, two = (tf.cast(part, tf.float32).numpy() for part in (outputs, model.decoder(codes, training=False)))
    if np.abs(two[:1] - one).max() > ROUNDING * np.abs(two).max():
        warnings.warn(
            "The decoder's output for one code depends on the other codes of its batch, or is drawn at random, outside "
            "of training too: then p(x|z) is no likelihood, and no bound is one. Expected: batch statistics, or "
            "dropout, only where `training` is true.",
            stacklevel=4,  # at the call of the model's constructor
        )


def features_of(trunk, dummy):
    """Returns the features of a trunk for a batch of one.

    Args:
        trunk: Keras model observations -> features.
        dummy: batch of one observation.

    Raises:
        ValueError: if the trunk is not a network with one output.
    """
    check_network(trunk, "`trunk`", ", observations -> features")
    try:
        features = trunk(dummy)
    except CALL_ERRORS as error:
        raise ValueError(
            f"The `trunk` must turn inputs of shape {shapes(dummy)} into features. Received: {in_one_line(error)}."
        ) from error
    if not keras.ops.is_tensor(features):
        raise ValueError(
            f"`trunk` must have one output, a tensor [B, ...]. Received: {type(features).__name__}, {shapes(features)}."
        )
    return features
