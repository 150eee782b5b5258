"""Dense heads on the same features as one matrix product."""

import keras


def can_merge(heads) -> bool:
    """Returns whether heads are plain dense layers of one size.

    Plain layers are linear, have a bias and one dtype policy, and neither an activity regularizer, quantized weights
    nor LoRA.

    Args:
        heads: list of Keras layers.
    """
    if len(heads) < 2 or not all(type(head) is keras.layers.Dense and _is_plain(head) for head in heads):
        return False
    return len({(head.units, head.dtype_policy.name) for head in heads}) == 1


def _is_plain(head) -> bool:
    """Returns whether the output of a dense layer is the product with its kernel plus its bias."""
    linear = head.activation is keras.activations.linear and head.use_bias
    return linear and head.activity_regularizer is None and head.quantization_mode is None and not head.lora_enabled


def merged_params(heads, features):
    """Returns the outputs of heads. Shape [B, K, P].

    Outputs and gradients of the heads have the bits of separate products. The gradient of the features is summed in
    another order.

    Args:
        heads: list of K heads for which `can_merge` holds.
        features: input of the heads. Shape [B, F].
    """
    ops, dtype = keras.ops, heads[0].compute_dtype
    kernel, bias = (
        ops.concatenate([ops.cast(weight, dtype) for weight in weights], axis=-1)
        for weights in ([head.kernel for head in heads], [head.bias for head in heads])
    )
    outputs = ops.add(ops.matmul(ops.cast(features, dtype), kernel), bias)
    return ops.reshape(outputs, (-1, len(heads), heads[0].units))
