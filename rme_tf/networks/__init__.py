"""Encoders and decoders, plain Keras models that know nothing of probability, and the tables of them."""

from collections.abc import Callable

from rme_tf.networks.conv import conv_decoder, conv_encoder
from rme_tf.networks.mlp import mlp_decoder, mlp_encoder

ENCODERS: dict[str, Callable] = {"conv": conv_encoder, "mlp": mlp_encoder}
DECODERS: dict[str, Callable] = {"conv": conv_decoder, "mlp": mlp_decoder}

__all__ = ["DECODERS", "ENCODERS", "conv_decoder", "conv_encoder", "mlp_decoder", "mlp_encoder"]
