"""Dense heads on the same features as one matrix product."""

import keras


def can_merge(heads, num_shared: int = 0) -> bool:
    """Returns whether heads are plain dense layers of one size.

    Plain layers are linear, have a bias and one dtype policy, and neither an activity regularizer, quantized weights
    nor LoRA.

    Args:
        heads: list of Keras layers.
        num_shared: number of further outputs of the first head, which all components share.
    """
    if len(heads) < 2 or not all(type(head) is keras.layers.Dense and _is_plain(head) for head in heads):
        return False
    sizes = {heads[0].units - num_shared, *(head.units for head in heads[1:])}
    return len(sizes) == 1 and len({head.dtype_policy.name for head in heads}) == 1


def _is_plain(head) -> bool:
    """Returns whether the output of a dense layer is the product with its kernel plus its bias."""
    linear = head.activation is keras.activations.linear and head.use_bias
    return linear and head.activity_regularizer is None and head.quantization_mode is None and not head.lora_enabled


def merged_params(heads, features, num_shared: int = 0):
    """Returns the outputs of heads, shared ones last. Shape [B, K, P].

    Outputs and gradients of the heads have the bits of separate products. The gradient of the features is summed in
    another order.

    Args:
        heads: list of K heads for which `can_merge` holds.
        features: input of the heads. Shape [B, F].
        num_shared: see `can_merge`.
    """
    ops, dtype = keras.ops, heads[0].compute_dtype
    kernel, bias = (
        ops.concatenate([ops.cast(weight, dtype) for weight in weights], axis=-1)
        for weights in ([head.kernel for head in heads], [head.bias for head in heads])
    )
    outputs = ops.add(ops.matmul(ops.cast(features, dtype), kernel), bias)
    size = heads[-1].units
    if num_shared == 0:
        return ops.reshape(outputs, (-1, len(heads), size))
    first, shared, others = ops.split(outputs, [size, size + num_shared], axis=-1)
    return joined(ops.reshape(ops.concatenate([first, others], axis=-1), (-1, len(heads), size)), shared)


def joined(params, shared):
    """Returns params [B, K, P] of K components with shared ones [B, Q] behind them."""
    of_each = keras.ops.tile(shared[:, None], [1, params.shape[1], 1])
    return keras.ops.concatenate([params, of_each], axis=-1)
