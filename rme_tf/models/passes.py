"""Passes of a model through its encoders and its decoder."""

import tensorflow as tf

from rme_tf import objectives
from rme_tf.core.types import Encoding
from rme_tf.core.validation import check_count, optional
from rme_tf.networks import component_params


def encoded(model, x, num_components: int | None, training: bool, *, mixing_moves_trunk: bool, **options) -> Encoding:
    """Returns the params and log_alpha of the first K components, without refinement.

    Args:
        model: `VAE` with the networks.
        x: input of the networks. Shape [B, *event_shape].
        num_components: number of components K; None for all M, see `VAE.amortized`.
        training: whether the networks are in training mode.
        mixing_moves_trunk: whether the gradient of log_alpha reaches the trunk.
        **options: further arguments of `networks.component_params`.
    """
    optional(check_count, "num_components", num_components, most=model.num_components)
    count = num_components or model.num_components
    options["num_shared"] = model.posterior_family.num_shared
    inputs = model.likelihood.encoder_input(x)
    params, features, read = component_params(model.trunk, model.encoders, inputs, count, training, **options)
    if model.mixing_network is not None and count > 1:
        features = features if mixing_moves_trunk else tf.stop_gradient(features)
        logits = tf.cast(read(model.mixing_network, features), tf.float32)[:, : count - 1]
    else:
        logits = tf.zeros([tf.shape(x)[0], count - 1])
    log_alpha = model.mixing.log_alpha(logits)
    if num_components is None:
        joined = tf.range(count, dtype=tf.int64) < model.num_active.value
        log_alpha = tf.nn.log_softmax(tf.where(joined, log_alpha, objectives.LOG_ZERO))
    return Encoding(tf.cast(params, tf.float32), log_alpha)


def decoded(model, z, x, training: bool):
    """Returns the outputs of the decoder [..., *params_shape].

    Args:
        model: `VAE` with the decoder.
        z: latent codes. Shape [..., D].
        x: input of an autoregressive decoder, which broadcasts against z; None for other decoders. Shape
            [..., *event_shape].
        training: whether the decoder is in training mode.
    """
    lead = tf.shape(z)[:-1]
    inputs = tf.reshape(z, [-1, model.latent_dim])
    if model.autoregressive:
        event = tf.shape(x)[-len(model.likelihood.event_shape) :]
        observed = tf.broadcast_to(x, tf.concat([lead, event], axis=0))
        inputs = [inputs, tf.reshape(observed, tf.concat([[-1], event], axis=0))]
    outputs = tf.cast(model.decoder(inputs, training=training), tf.float32)
    shape = [size or tf.shape(outputs)[i + 1] for i, size in enumerate(model.likelihood.params_shape)]
    return tf.reshape(outputs, tf.concat([lead, shape], axis=0))
