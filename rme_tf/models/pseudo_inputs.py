"""Read access to a model's posterior for priors, as a `PosteriorView`.

N inputs, T tokens of the longest, E the size of an embedding.
"""

import functools

import keras
import tensorflow as tf

from rme_tf.core.optimizer_state import weights_replaced
from rme_tf.core.types import PAD, Encoding, PosteriorView
from rme_tf.networks import ComponentNetwork


def inference_of(model) -> PosteriorView:
    """Returns read access to the posterior of a model.

    The functions of the result use the current weights of the model, and own none.

    Args:
        model: `VAE` with the posterior.

    Raises:
        ValueError: if observations are token ids and a network that reads them cannot read embeddings.
    """
    likelihood = model.likelihood
    on_tokens = likelihood.observation_dtype.is_integer
    embedders = [_embedder(name, network) for name, network in readers_of(model).items()] if on_tokens else []
    _check_sizes(embedders)

    def posterior(inputs, lengths=None, held=False):
        """Returns Q(z|x) of inputs, without gradient in its params if held."""
        read = functools.partial(read_embeddings, lengths=lengths) if on_tokens else None
        encoding = model.amortized(inputs, read=read)
        if held:
            encoding = Encoding(*map(tf.stop_gradient, encoding))
        return model.posterior_of(encoding).distribution()

    def inputs_of(x):
        x = likelihood.cast(x)
        if not on_tokens:
            return likelihood.filled(x), None
        return embedders[0].embed(x), tf.reduce_sum(tf.cast(tf.not_equal(x, PAD), tf.float32), axis=-1)  # tokens

    return PosteriorView(
        posterior=posterior,
        inputs_of=inputs_of,
        input_shape=(None, embedders[0].embedding_size) if on_tokens else likelihood.event_shape,
        interval=likelihood.interval,
        masked=on_tokens,
        owns_weights=bool(model.posterior_family.trainable_variables),
        check=likelihood.check,
        replacing=lambda: weights_replaced(model),
    )


def readers_of(model) -> dict:
    """Returns the networks that read x, by name, for messages.

    Args:
        model: `VAE` with the networks.
    """
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
    sizes = [embedder.embedding_size for embedder in embedders]
    if len(set(sizes)) > 1:
        raise ValueError(
            f"A prior made of the posterior of token ids needs embeddings of one size. Received: {sizes}, of the "
            "encoders and the mixing network."
        )


def read_embeddings(network, embedded, lengths):
    """Returns the output of a network for embeddings, without dropout.

    Args:
        network: `LSTMEncoder`, or a `keras.Sequential` that begins with one.
        embedded: embeddings. Shape [N, T, E].
        lengths: number of embeddings that count, from the first on. Shape [N].
    """
    mask = tf.sequence_mask(tf.cast(lengths, tf.int32), tf.shape(embedded)[1])
    if not isinstance(network, keras.Sequential):
        return network.read(embedded, mask)
    first, *rest = network.layers
    outputs = first.read(embedded, mask)
    for layer in rest:
        outputs = layer(outputs, training=False)
    return outputs
