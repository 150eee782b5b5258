"""What a model lends to a prior that is made of its posterior: the contract is `types.Inference`.

N inputs, T tokens of the longest, E the size of an embedding.
"""

import functools

import keras
import tensorflow as tf

from rme_tf.core.optimizer_state import weights_replaced
from rme_tf.core.types import PAD, Encoding, Inference
from rme_tf.networks import ComponentNetwork


def inference_of(model) -> Inference:
    """Returns what a prior may be made of. It reads the weights of the model whenever it is used, and owns none.

    Raises:
        ValueError: for token ids, if a network that reads them cannot read embeddings in their place.
    """
    likelihood = model.likelihood
    on_tokens = likelihood.observation_dtype.is_integer
    embedders = [_embedder(name, network) for name, network in _readers(model).items()] if on_tokens else []
    _check_sizes(embedders)

    def posterior(inputs, lengths=None, held=False):
        read = functools.partial(read_embeddings, lengths=lengths) if on_tokens else None
        encoding = model.amortized(inputs, read=read)
        if held:
            encoding = Encoding(*(tf.stop_gradient(part) for part in encoding))
        return model.posterior_of(encoding).distribution()

    def inputs_of(x):
        x = likelihood.cast(x)
        if not on_tokens:
            return x, None
        return embedders[0].embed(x), tf.reduce_sum(tf.cast(tf.not_equal(x, PAD), tf.float32), axis=-1)  # tokens

    return Inference(
        posterior=posterior,
        inputs_of=inputs_of,
        input_shape=(None, embedders[0].embedding_size) if on_tokens else likelihood.event_shape,
        interval=likelihood.interval,
        masked=on_tokens,
        check=likelihood.check,
        replacing=lambda: weights_replaced(model),
    )


def _readers(model) -> dict:
    """Returns the networks that read x, by the names that messages give them."""
    if isinstance(model.trunk, ComponentNetwork):
        readers = {"trunk": model.trunk.network}
    elif model.trunk is not None:
        return {"trunk": model.trunk}
    else:
        readers = {f"encoder {m}": encoder for m, encoder in enumerate(model.encoders)}
    return readers if model.mixing_network is None else {**readers, "mixing network": model.mixing_network}


def _embedder(name: str, network):
    """Returns the network, or its first layer, that reads token ids."""
    first = network.layers[0] if isinstance(network, keras.Sequential) else network
    if not all(hasattr(first, member) for member in ("embed", "embedding_size", "read")):
        raise ValueError(
            "A prior made of the posterior of token ids needs networks that read embeddings, too: with `embed`, "
            f"`read` and `embedding_size`, as `networks.LSTMEncoder`. Received: {type(first).__name__}, the {name}."
        )
    return first


def _check_sizes(embedders) -> None:
    sizes = [each.embedding_size for each in embedders]
    if len(set(sizes)) > 1:
        raise ValueError(
            f"A prior made of the posterior of token ids needs embeddings of one size. Received: {sizes}, of the "
            "encoders and the mixing network."
        )


def read_embeddings(network, embedded, lengths):
    """Returns what a network makes of embeddings [N, T, E], the first so many of which count."""
    mask = tf.sequence_mask(tf.cast(lengths, tf.int32), tf.shape(embedded)[1])
    if not isinstance(network, keras.Sequential):
        return network.read(embedded, mask)
    first, *rest = network.layers
    outputs = first.read(embedded, mask)
    for layer in rest:
        outputs = layer(outputs, training=False)
    return outputs
