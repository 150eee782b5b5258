"""Log-probabilities under a softmax over a large vocabulary, in bounded memory.

N rows, F features, V entries of the vocabulary.
"""

import tensorflow as tf

MAX_LOGITS = 2**25  # logits held at once, 128 MiB in float32; more rows than fit are taken in chunks


def token_log_prob(features, tokens, table, bias, max_logits: int = MAX_LOGITS):
    """Returns log softmax(features table^T + bias)[token], in nats. Shape [N].

    Up to `max_logits` logits exist at once, in the forward and in the backward pass, which computes them again.

    Args:
        features: Shape [N, F].
        tokens: int32, in [0, V). Shape [N].
        table: Shape [V, F].
        bias: Shape [V].
        max_logits: the largest chunk of logits.
    """
    rows = max(1, max_logits // table.shape[0])

    def direct(features, tokens):
        logits = tf.matmul(features, table, transpose_b=True) + bias
        return -tf.nn.sparse_softmax_cross_entropy_with_logits(labels=tokens, logits=logits)

    def chunked(features, tokens):
        logit = tf.reduce_sum(features * tf.gather(table, tokens), axis=-1) + tf.gather(bias, tokens)
        return logit - _log_normalizer(features, table, bias, rows)

    num_rows = features.shape[0]
    if num_rows is not None:
        return direct(features, tokens) if num_rows <= rows else chunked(features, tokens)
    # One of the two gets no row: XLA compiles no gradient of a `tf.cond` whose sizes it is yet to learn.
    num_rows = tf.shape(features)[0]
    split = tf.where(num_rows <= rows, num_rows, 0)
    parts = direct(features[:split], tokens[:split]), chunked(features[split:], tokens[split:])
    return tf.concat(parts, axis=0)


def _log_normalizer(features, table, bias, rows: int):
    """Returns logsumexp(features table^T + bias), shape [N], at most `rows` rows at a time."""

    @tf.custom_gradient
    def value(features, table, bias):
        """Returns the value, and the gradient that computes the logits again."""
        num_rows = tf.shape(features)[0]
        num_chunks = tf.maximum(1, -(-num_rows // rows))
        size = tf.maximum(1, -(-num_rows // num_chunks))
        padding = num_chunks * size - num_rows
        chunks = _cut(features, padding, size)

        def gradient(upstream):
            """Accumulates the gradients of the weights over the chunks."""
            weights = _cut(upstream, padding, size)

            def body(chunk, done, table_gradient, bias_gradient):
                probabilities = tf.nn.softmax(tf.matmul(chunks[chunk], table, transpose_b=True) + bias)
                probabilities *= weights[chunk][:, tf.newaxis]
                done = done.write(chunk, tf.matmul(probabilities, table))
                table_gradient += tf.matmul(probabilities, chunks[chunk], transpose_a=True)
                return chunk + 1, done, table_gradient, bias_gradient + tf.reduce_sum(probabilities, axis=0)

            state = (tf.constant(0), _array(num_chunks), tf.zeros_like(table), tf.zeros_like(bias))
            _, done, table_gradient, bias_gradient = tf.while_loop(
                lambda chunk, *_: chunk < num_chunks,
                body,
                state,
                parallel_iterations=1,  # one chunk at a time, for the memory's sake
                maximum_iterations=num_chunks,
            )
            return tf.reshape(done.stack(), [-1, table.shape[1]])[:num_rows], table_gradient, bias_gradient

        def body(chunk, done):
            logits = tf.matmul(chunks[chunk], table, transpose_b=True) + bias
            return chunk + 1, done.write(chunk, tf.reduce_logsumexp(logits, axis=-1))  # vocabulary

        state = (tf.constant(0), _array(num_chunks))
        _, done = tf.while_loop(
            lambda chunk, _: chunk < num_chunks,
            body,
            state,
            parallel_iterations=1,
            maximum_iterations=num_chunks,
        )
        return tf.reshape(done.stack(), [-1])[:num_rows], gradient

    return value(features, table, bias)


def _cut(values, padding, size):
    """Returns values [N, ...] as chunks [N / size, size, ...], the last one filled up with zeros."""
    paddings = [[0, padding], *([0, 0] for _ in values.shape[1:])]
    return tf.reshape(tf.pad(values, paddings), [-1, size, *values.shape[1:]])


def _array(size):
    return tf.TensorArray(tf.float32, size=size, element_shape=None)
