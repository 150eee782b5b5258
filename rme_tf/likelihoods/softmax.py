"""Log-probabilities of a softmax over a large vocabulary, in bounded memory.

N rows, F features, V entries of the vocabulary.
"""

import tensorflow as tf

MAX_LOGITS = 2**27  # logits in memory at a time, 512 MiB in float32; more rows are computed in chunks


def token_log_prob(features, tokens, table, bias, max_logits: int = MAX_LOGITS):
    """Returns log softmax(features table^T + bias)[token] [N], in nats.

    At most `max_logits` logits exist at a time. With more logits, the backward pass computes them again.

    Args:
        features: features of each row. Shape [N, F].
        tokens: ids, int32, in [0, V). Shape [N].
        table: weights of the logits. Shape [V, F].
        bias: biases of the logits. Shape [V].
        max_logits: largest number of logits in a chunk.
    """
    rows = max(1, max_logits // table.shape[0])

    logit = tf.reduce_sum(features * tf.gather(table, tokens), axis=-1) + tf.gather(bias, tokens)
    num_rows = features.shape[0]
    if num_rows is not None:
        whole = num_rows <= rows
        return logit - (_whole(features, table, bias) if whole else _chunked(features, table, bias, rows))
    # One of the two parts has no row. XLA cannot compile the gradient of a `tf.cond` with dynamic sizes.
    num_rows = tf.shape(features)[0]
    split = tf.where(num_rows <= rows, num_rows, 0)
    parts = _whole(features[:split], table, bias), _chunked(features[split:], table, bias, rows)
    return logit - tf.concat(parts, axis=0)


def _exponentials(features, table, bias):
    """Returns exp(logits - largest) [N, V], their total and the largest logit, both [N, 1].

    A pass over [N, V] costs as much as a matrix product. Therefore the bias is a column of the table, the sum is a
    product, and the gradient scales the other factor of a product instead of the exponentials.
    """
    logits = tf.matmul(_with_one(features), tf.concat([table, bias[:, tf.newaxis]], axis=-1), transpose_b=True)
    largest = tf.stop_gradient(tf.reduce_max(logits, axis=-1, keepdims=True))
    exponentials = tf.exp(logits - largest)
    return exponentials, tf.matmul(exponentials, tf.ones([tf.shape(table)[0], 1])), largest


def _gradients(features, table, exponentials, total, upstream):
    """Returns the gradients of features, table and bias, for the gradient [N] of the log-normalizer."""
    weights = upstream[:, tf.newaxis] / total
    both = tf.matmul(exponentials, _with_one(features) * weights, transpose_a=True)  # [V, F + 1]
    return tf.matmul(exponentials, table) * weights, both[:, :-1], both[:, -1]


def _with_one(features):
    """Returns features with a column of ones for the bias. Shape [N, F + 1]."""
    return tf.pad(features, [[0, 0], [0, 1]], constant_values=1.0)


@tf.custom_gradient
def _whole(features, table, bias):
    """Returns logsumexp(features table^T + bias), shape [N]; the exponentials are stored for the gradient."""
    exponentials, total, largest = _exponentials(features, table, bias)

    def gradient(upstream):
        """Returns the gradients of the features, the table and the bias."""
        return _gradients(features, table, exponentials, total, upstream)

    return tf.math.log(total[:, 0]) + largest[:, 0], gradient


def _chunked(features, table, bias, rows: int):
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
                exponentials, total, _ = _exponentials(chunks[chunk], table, bias)
                parts = _gradients(chunks[chunk], table, exponentials, total, weights[chunk])
                return chunk + 1, done.write(chunk, parts[0]), table_gradient + parts[1], bias_gradient + parts[2]

            state = (tf.constant(0), _array(num_chunks), tf.zeros_like(table), tf.zeros_like(bias))
            _, done, table_gradient, bias_gradient = tf.while_loop(
                lambda chunk, *_: chunk < num_chunks,
                body,
                state,
                parallel_iterations=1,  # one chunk at a time, which bounds the memory
                maximum_iterations=num_chunks,
            )
            return tf.reshape(done.stack(), [-1, table.shape[1]])[:num_rows], table_gradient, bias_gradient

        def body(chunk, done):
            _, total, largest = _exponentials(chunks[chunk], table, bias)
            return chunk + 1, done.write(chunk, tf.math.log(total[:, 0]) + largest[:, 0])

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
    """Returns values [N, ...] as chunks [N / size, size, ...], padded with zeros."""
    paddings = [[0, padding], *([0, 0] for _ in values.shape[1:])]
    return tf.reshape(tf.pad(values, paddings), [-1, size, *values.shape[1:]])


def _array(size):
    return tf.TensorArray(tf.float32, size=size, element_shape=None)
