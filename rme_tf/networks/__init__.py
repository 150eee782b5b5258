"""Encoders and decoders, plain Keras models without probability, and their tables.

With `output_size=None`, a builder of encoders leaves out the last layer: the model then returns features that several
components can share.
"""

from collections.abc import Callable

from rme_tf.networks.components import (
    COMPONENT_NETWORKS,
    AmortisedComponents,
    AmortizedComponents,
    ComponentNetwork,
    ConditionedComponents,
    RecurrentComponents,
    component_params,
)
from rme_tf.networks.conv import conv_decoder, conv_encoder
from rme_tf.networks.conv1d import conv1d_decoder, conv1d_encoder
from rme_tf.networks.dcgan import dcgan_decoder, dcgan_encoder
from rme_tf.networks.gated_conv import gated_conv_decoder, gated_conv_encoder
from rme_tf.networks.lstm import ConstantEncoder, LSTMDecoder, LSTMEncoder, constant_encoder, lstm_decoder, lstm_encoder
from rme_tf.networks.mlp import mlp_decoder, mlp_encoder
from rme_tf.networks.normalized_means import NormalizedMeans, with_normalized_means
from rme_tf.networks.pixelcnn import PixelCNNDecoder, pixelcnn_decoder
from rme_tf.networks.resnet import resnet_decoder, resnet_encoder

ENCODERS: dict[str, Callable] = {
    "constant": constant_encoder,
    "conv": conv_encoder,
    "conv1d": conv1d_encoder,
    "dcgan": dcgan_encoder,
    "gated_conv": gated_conv_encoder,
    "lstm": lstm_encoder,
    "mlp": mlp_encoder,
    "resnet": resnet_encoder,
}
DECODERS: dict[str, Callable] = {
    "conv": conv_decoder,
    "conv1d": conv1d_decoder,
    "dcgan": dcgan_decoder,
    "gated_conv": gated_conv_decoder,
    "lstm": lstm_decoder,
    "mlp": mlp_decoder,
    "pixelcnn": pixelcnn_decoder,
    "resnet": resnet_decoder,
}

__all__ = [
    "AmortisedComponents",
    "AmortizedComponents",
    "COMPONENT_NETWORKS",
    "ComponentNetwork",
    "ConditionedComponents",
    "ConstantEncoder",
    "DECODERS",
    "ENCODERS",
    "LSTMDecoder",
    "LSTMEncoder",
    "NormalizedMeans",
    "PixelCNNDecoder",
    "RecurrentComponents",
    "component_params",
    "constant_encoder",
    "conv1d_decoder",
    "conv1d_encoder",
    "conv_decoder",
    "conv_encoder",
    "dcgan_decoder",
    "dcgan_encoder",
    "gated_conv_decoder",
    "gated_conv_encoder",
    "lstm_decoder",
    "lstm_encoder",
    "mlp_decoder",
    "mlp_encoder",
    "pixelcnn_decoder",
    "resnet_decoder",
    "resnet_encoder",
    "with_normalized_means",
]
