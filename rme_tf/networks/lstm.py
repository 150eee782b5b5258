"""LSTM encoders and decoders of token sequences.

N sequences, T tokens of the longest. A row is its tokens, then one EOS, then PAD on the right.
"""

import keras
import tensorflow as tf

from rme_tf.core import replicas
from rme_tf.core.registry import check_options
from rme_tf.core.types import BOS, PAD, UNK
from rme_tf.core.validation import as_shape, check_count, check_counts, check_number, optional, require
from rme_tf.networks.autoregressive import AutoregressiveDecoder


def recurrent_policy(dtype=None):
    """Returns the dtype policy of recurrent layers, float32 instead of 16 bits.

    On a GPU the gradient of an LSTM in bfloat16 was 0 (docs/gpu.md). The cost is small: TensorFlow's kernel casts
    bfloat16 to float32 for cuDNN.

    Args:
        dtype: dtype policy of the network or its name; None for the global policy.
    """
    policy = keras.dtype_policies.get(dtype)
    return "float32" if policy.compute_dtype in ("float16", "bfloat16") else policy


@keras.saving.register_keras_serializable("rme_tf")
class LSTMEncoder(keras.Model):
    """An LSTM encoder, tokens [N, T] -> [N, output_size], from the last state.

    `embed` and `read` are its two halves. A prior built from the posterior (VampPrior) calls `read` on embeddings that
    are not embeddings of tokens.

    Args:
        input_shape: (T,), where None is any length.
        output_size: size of the output; None returns the state.
        vocabulary_size: number of ids V.
        units: units of the LSTM, in each direction.
        embedding_size: size E of the embedding of a token.
        bidirectional: whether a second LSTM reads from the end.
        dropout: dropout rate on the embeddings.
        use_cudnn: argument of `keras.layers.LSTM`; False allows second derivatives on a GPU.
        name: name of the model.
        trainable: whether the weights are trained.
        dtype: dtype policy of the model; None is the global policy.
    """

    def __init__(
        self,
        input_shape,
        output_size: int | None,
        *,
        vocabulary_size: int,
        units: int = 256,
        embedding_size: int = 256,
        bidirectional: bool = False,
        dropout: float = 0.0,
        use_cudnn: bool | str = "auto",
        name=None,
        trainable=True,
        dtype=None,
    ):
        check_counts(vocabulary_size=vocabulary_size, units=units, embedding_size=embedding_size)
        optional(check_count, "output_size", output_size)
        check_number("dropout", dropout, least=0.0, most=1.0)
        shape = as_shape(input_shape, "The lstm network", any_length=True)
        require(len(shape) == 1, "input_shape", "be the length of a sequence, (T,) or (None,)", repr(input_shape))
        tokens = keras.layers.Input(shape, dtype="int32")
        embedding = keras.layers.Embedding(vocabulary_size, embedding_size, dtype=dtype)
        dropping = keras.layers.Dropout(dropout, dtype=dtype)
        exact = recurrent_policy(dtype)
        recurrent = keras.layers.LSTM(units, use_cudnn=use_cudnn, dtype=exact)
        if bidirectional:
            recurrent = keras.layers.Bidirectional(recurrent, dtype=exact)
            for layer in (recurrent.forward_layer, recurrent.backward_layer):
                layer.use_cudnn = use_cudnn  # some versions of Keras lose it: keras-team/keras#20588
        # An explicit argument: some layers silently drop an implicit mask.
        outputs = recurrent(dropping(embedding(tokens)), mask=keras.ops.not_equal(tokens, PAD))
        projection = None if output_size is None else keras.layers.Dense(output_size, dtype=dtype)
        outputs = outputs if projection is None else projection(outputs)
        super().__init__(inputs=tokens, outputs=outputs, name=name, trainable=trainable)
        self.dtype_policy = embedding.dtype_policy  # the constructor of a functional model has no such argument
        self.embedding_size = int(embedding_size)
        self.embedding, self.recurrent, self.projection = embedding, recurrent, projection
        self.config = {
            "input_shape": tuple(input_shape),
            "output_size": output_size,
            "vocabulary_size": vocabulary_size,
            "units": units,
            "embedding_size": embedding_size,
            "bidirectional": bidirectional,
            "dropout": dropout,
            "use_cudnn": use_cudnn,
        }

    def embed(self, tokens):
        """Returns embeddings [N, T, E], float32, of tokens [N, T]."""
        return tf.cast(self.embedding(tokens), tf.float32)

    def read(self, embedded, mask):
        """Returns the output for embeddings instead of tokens, without dropout.

        Args:
            embedded: embeddings. Shape [N, T, E].
            mask: True where an embedding counts, False for padding. Shape [N, T].
        """
        state = self.recurrent(embedded, mask=mask, training=False)
        return state if self.projection is None else self.projection(state)

    def get_config(self):
        """Returns the arguments of the constructor."""
        return {"name": self.name, "trainable": self.trainable, "dtype": self.dtype_policy, **self.config}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """Returns an encoder with the arguments in `config`."""
        del custom_objects
        return cls(**config)


def lstm_encoder(input_shape, output_size: int | None, *, name=None, **options) -> LSTMEncoder:
    """Returns an `LSTMEncoder` with these arguments."""
    return LSTMEncoder(input_shape, output_size, name=name, **options)


@keras.saving.register_keras_serializable("rme_tf")
class LSTMDecoder(AutoregressiveDecoder):
    """An autoregressive LSTM decoder, [z, x] -> features [N, T, F].

    z sets the initial state and is concatenated to every input. The output at t depends on z and x_1 ... x_{t-1}.

    Args:
        latent_dim: number of latent dimensions D.
        features: size F of the output.
        vocabulary_size: number of ids V.
        units: units of the LSTM; None is F.
        embedding_size: size of the embedding of a token; None is F.
        word_dropout: rate at which the tokens before x_t are replaced by UNK in training.
        input_dropout: dropout rate on the inputs of the LSTM.
        output_dropout: dropout rate on the outputs of the LSTM.
        skip: whether z is also concatenated to the outputs of the LSTM.
        use_latent: whether the decoder reads z; False makes it a language model.
        use_cudnn: argument of `keras.layers.LSTM`; False allows second derivatives on a GPU.

    Raises:
        ValueError: if a dropout rate is not in [0, 1).

    References:
        Bowman et al. (2016), https://arxiv.org/abs/1511.06349; skip: Dieng et al. (2019),
        https://arxiv.org/abs/1807.04863
    """

    def __init__(
        self,
        latent_dim: int,
        features: int,
        vocabulary_size: int,
        *,
        units: int | None = None,
        embedding_size: int | None = None,
        word_dropout: float = 0.0,
        input_dropout: float = 0.0,
        output_dropout: float = 0.0,
        skip: bool = False,
        use_latent: bool = True,
        use_cudnn: bool | str = "auto",
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_counts(latent_dim=latent_dim, features=features, vocabulary_size=vocabulary_size)
        optional(check_count, "units", units)
        optional(check_count, "embedding_size", embedding_size)
        self.config = {
            "latent_dim": latent_dim,
            "features": features,
            "vocabulary_size": vocabulary_size,
            "units": units or features,
            "embedding_size": embedding_size or features,
            "word_dropout": word_dropout,
            "input_dropout": input_dropout,
            "output_dropout": output_dropout,
            "skip": skip,
            "use_latent": use_latent,
            "use_cudnn": use_cudnn,
        }
        for rate in ("word_dropout", "input_dropout", "output_dropout"):
            check_number(rate, self.config[rate], least=0.0, below=1.0)
        units = self.config["units"]
        policy = {"dtype": self.dtype_policy}
        self.embedding = keras.layers.Embedding(vocabulary_size, self.config["embedding_size"], **policy)
        self.state = keras.layers.Dense(2 * units, **policy) if use_latent else None
        self.input_dropout = keras.layers.Dropout(input_dropout, **policy)
        exact = recurrent_policy(self.dtype_policy)
        self.lstm = keras.layers.LSTM(units, return_sequences=True, use_cudnn=use_cudnn, dtype=exact)
        self.output_dropout = keras.layers.Dropout(output_dropout, **policy)
        projects = units != features or (skip and use_latent)
        self.projection = keras.layers.Dense(features, **policy) if projects else None
        self.word_seeds = keras.random.SeedGenerator() if word_dropout > 0.0 else None

    def call(self, inputs, training=False):
        """Returns features [N, T, F] for [z [N, D], x [N, T]]."""
        z, x = inputs
        x = tf.cast(x, tf.int32)
        previous = tf.concat([tf.fill([tf.shape(x)[0], 1], BOS), x[:, :-1]], axis=1)
        if training and self.word_seeds is not None:
            previous = self._hide_words(previous)
        inputs = self.input_dropout(self._joined(self.embedding(previous), z), training=training)
        hidden = self.lstm(inputs, initial_state=self.initial_state(z), training=training)
        return self._projected(self.output_dropout(hidden, training=training), z)

    def initial_state(self, z):
        """Returns the state (h, c) before the first token, for z [N, D]."""
        if self.state is None:
            zeros = tf.zeros([tf.shape(z)[0], self.config["units"]], self.lstm.compute_dtype)
            return [zeros, zeros]
        cell, hidden = tf.split(tf.cast(self.state(z), self.lstm.compute_dtype), 2, axis=-1)
        return [tf.tanh(hidden), cell]

    def step(self, previous, state, z):
        """Returns features [N, F] of the next token, and the new state.

        Args:
            previous: token before it. Shape [N].
            state: state (h, c) after the tokens before `previous`.
            z: latent codes. Shape [N, D].
        """
        inputs = self._joined(self.embedding(previous[:, tf.newaxis]), z)[:, 0]
        hidden, state = self.lstm.cell(inputs, state, training=False)
        return self._projected(hidden[:, tf.newaxis], z)[:, 0], state

    def _joined(self, embedded, z):
        if not self.config["use_latent"]:
            return embedded
        return tf.concat([embedded, self._at_every_token(z, embedded)], axis=-1)

    def _projected(self, hidden, z):
        hidden = tf.cast(hidden, self.compute_dtype)
        if self.config["skip"] and self.config["use_latent"]:
            hidden = tf.concat([hidden, self._at_every_token(z, hidden)], axis=-1)
        return hidden if self.projection is None else self.projection(hidden)

    @staticmethod
    def _at_every_token(z, sequence):
        z = tf.cast(z, sequence.dtype)[:, tf.newaxis]
        return tf.broadcast_to(z, tf.concat([tf.shape(sequence)[:2], tf.shape(z)[2:]], axis=0))

    def _hide_words(self, previous):
        draw = replicas.uniform(tf.shape(previous), self.word_seeds)
        word = tf.logical_and(tf.not_equal(previous, BOS), tf.not_equal(previous, PAD))
        return tf.where(tf.logical_and(word, draw < self.config["word_dropout"]), UNK, previous)


def lstm_decoder(latent_dim: int, output_shape, **options) -> LSTMDecoder:
    """Returns an `LSTMDecoder` with these options, for `output_shape` (T, F)."""
    shape = as_shape(output_shape, "The lstm network", any_length=True)
    require(len(shape) == 2, "output_shape", "be (T, F)", repr(output_shape))
    return LSTMDecoder(latent_dim, shape[-1], **options)


@keras.saving.register_keras_serializable("rme_tf")
class ConstantEncoder(keras.Model):
    """An encoder that returns zeros [N, output_size].

    With `DiagNormal(initial_scale=1.0)` the posterior is the prior N(0, I). With a decoder that has `use_latent=False`,
    the VAE is a language model.
    """

    def __init__(self, output_size: int, **kwargs):
        super().__init__(**kwargs)
        self.output_size = check_count("output_size", output_size)

    def call(self, x):
        """Returns zeros [N, output_size]."""
        return tf.zeros([tf.shape(x)[0], self.output_size])

    def get_config(self):
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "output_size": self.output_size}


def constant_encoder(input_shape, output_size: int | None, name=None, **options):
    """Returns a `ConstantEncoder`, a replacement of an `LSTMEncoder`.

    Args:
        input_shape: ignored shape of an observation.
        output_size: size of the output.
        name: name of the model.
        **options: arguments of `LSTMEncoder`, which are checked and ignored.

    Raises:
        ValueError: if `output_size` is None, or `LSTMEncoder` does not have an option.
    """
    del input_shape
    check_options(lstm_encoder, options, "encoder 'constant'")
    if output_size is None:
        raise ValueError("The 'constant' encoder has no features that components could share.")
    return ConstantEncoder(output_size, name=name)
