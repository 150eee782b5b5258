"""Checks that the parts of a `VAE` fit its distributions and each other: networks of the user's own among them."""

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

CALL_ERRORS = (TypeError, ValueError, tf.errors.InvalidArgumentError)  # of a network that is given other inputs
OTHER_CODE = 1.5  # in all dimensions
ROUNDING = 0.05  # of the largest output, in half precision
LONGEST = 400  # characters of such an error


def check_network(network, name: str, kind: str = "") -> None:
    """Raises ValueError unless a network, of that kind, is a Keras model or layer."""
    if not isinstance(network, keras.Layer):
        hint = " Networks by name are for `VAE.from_names`." if isinstance(network, str) else ""
        raise ValueError(f"The {name} must be a Keras model or layer, an instance{kind}. Received: {network!r}.{hint}")


def check_output(network, inputs, expected, name: str):
    """Returns what a network makes of a batch of one, which builds it; raises ValueError if that has another shape."""
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
    """Returns the shapes, without the batch, of a tensor or of several, in words."""

    def shape_of(part):
        return tuple(part.shape[1:]) if keras.ops.is_tensor(part) else type(part).__name__

    if keras.ops.is_tensor(structure):
        return f"{shape_of(structure)}"
    return f"{keras.tree.map_structure(shape_of, structure)}"


def in_one_line(error: Exception) -> str:
    """Returns the type and the text of an error, without colors, cut to a length that can be read."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
    return f"{type(error).__name__}: {textwrap.shorten(text, LONGEST)}".rstrip(".")


def input_shapes(network) -> list[tuple]:
    """Returns the shapes, without the batch, of a network's inputs; none where it does not say."""
    inputs = getattr(network, "inputs", None)
    if inputs is not None:
        return [tuple(each.shape[1:]) for each in keras.tree.flatten(inputs)]
    config = network.get_build_config() if getattr(network, "built", False) else None
    shape = (config or {}).get("input_shape", ())
    one = all(size is None or isinstance(size, int) for size in shape)
    return [tuple(shape[1:])] if shape and one else []


def is_autoregressive(decoder) -> bool:
    """Returns whether a decoder takes [z, x]: it says so, or is a functional model of two inputs."""
    inputs = getattr(decoder, "inputs", None)
    return getattr(decoder, "autoregressive", isinstance(inputs, list) and len(inputs) == 2)


def decoder_example(decoder, latent_dim: int, likelihood, batch_size: int = 1):
    """Returns inputs for a decoder, a batch of zeros: z, or [z, x]."""
    z = keras.ops.zeros([batch_size, latent_dim])
    return [z, likelihood.example(batch_size)] if is_autoregressive(decoder) else z


def named(encoders) -> dict:
    """Returns the encoders by the names that messages give them."""
    return {f"encoder {m}": encoder for m, encoder in enumerate(encoders)}


def check_weights_apart(parts: dict) -> None:
    """Raises ValueError if two parts, by name, share a weight or a vocabulary: Keras would save it, but not load it.

    Every part is saved by its own configuration, so that each of the loaded ones has its own layer.
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


def check_parts(model) -> None:
    """Builds the networks of a `VAE`; raises ValueError if they do not fit its distributions or each other."""
    dummy = model.likelihood.example()
    parts = named(model.encoders)
    if isinstance(model.trunk, ComponentNetwork):
        check_output(model.trunk, dummy, (model.num_components, model.posterior_family.num_params), "trunk")
        features = dummy
    else:
        features = dummy if model.trunk is None else features_of(model.trunk, dummy)
    for name, encoder in parts.items():
        check_output(encoder, features, (model.posterior_family.num_params,), name)
    check_network(model.decoder, "decoder")
    inputs = decoder_example(model.decoder, model.latent_dim, model.likelihood)
    outputs = check_output(model.decoder, inputs, model.likelihood.params_shape, "decoder")
    warn_of_bounded_params(model.decoder, inputs, model.likelihood)
    warn_of_mixed_rows(model, outputs)
    if hasattr(model.decoder, "step") and model.likelihood.parts == "pixels":
        model.likelihood.of_pixel()  # which it could not draw from, or even has a say in the pixels before it
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


def warn_of_bounded_params(decoder, inputs, likelihood) -> None:
    """Warns of a decoder that ends in a sigmoid or the like where the likelihood's params may be any numbers."""
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
    """Warns of a decoder whose outputs for a code are others beside another code, outside of training, too."""
    if known_apart(model.decoder):
        return
    codes = decoder_example(model.decoder, model.latent_dim, model.likelihood, batch_size=2)
    other = tf.constant([[0.0], [OTHER_CODE]])
    codes = [codes[0] + other, *codes[1:]] if isinstance(codes, list) else codes + other
    alone, beside = (tf.cast(each, tf.float32).numpy() for each in (outputs, model.decoder(codes, training=False)))
    if np.abs(beside[:1] - alone).max() > ROUNDING * np.abs(beside).max():
        warnings.warn(
            "The decoder's output for one code depends on the other codes of its batch, or is drawn at random, outside "
            "of training too: then p(x|z) is no likelihood, and no bound is one. Expected: batch statistics, or "
            "dropout, only where `training` is true.",
            stacklevel=4,  # at the call of the model's constructor
        )


def features_of(trunk, dummy):
    """Returns the features of a dummy batch of one; raises ValueError if the trunk is no network with one output."""
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
