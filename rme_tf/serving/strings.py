r"""Tokenizers as graph code, and endpoints of a VAE on text.

A SavedModel of `export_saved_model(model, path, tokenizer=tokenizer)` needs TensorFlow and tensorflow-text to load:

    import tensorflow as tf
    import tensorflow_text  # registers the operations

    served = tf.saved_model.load("saved_model")
    served.reconstruct_text(["the cat sat", "dogs ran"], 0)["text"]

tensorflow_text imports Keras for its own layers. Without Keras, load its library of operations:

    package = pathlib.Path(importlib.util.find_spec("tensorflow_text").origin).parent
    tf.load_op_library(str(package / "python/ops/_sentencepiece_tokenizer.so"))

With `strings=False`, the SavedModel needs only TensorFlow, and sentencepiece converts lines to ids and back:

    import sentencepiece
    import tensorflow as tf

    served = tf.saved_model.load("saved_model")
    pieces = sentencepiece.SentencePieceProcessor(model_file="saved_model/assets.extra/tokenizer.model")
    rows = [ids[: 50 - 1] + [pieces.eos_id()] for ids in pieces.encode(["the cat sat", "dogs ran"])]  # max_length 50
    x = tf.ragged.constant(rows, dtype=tf.int32).to_tensor(pieces.pad_id())
    answers = served.reconstruct(x, 0)["tokens"].numpy().tolist()
    print(pieces.decode([row[: row.index(pieces.eos_id())] for row in answers]))

For a word tokenizer, sentencepiece only decodes ids. It encodes other ids than `Tokenizer.encode`, which separates
words from punctuation and encodes each unknown word as one UNK.
"""

import tensorflow as tf

from rme_tf.core.types import BOS, EOS, PAD, UNK
from rme_tf.core.validation import check_count

_SPACES = "".join(filter(str.isspace, map(chr, range(0x3001))))  # white space in Unicode; \s is ASCII in RE2


def check_tokenizer(tokenizer, model, max_length: int) -> None:
    """Checks that a tokenizer fits a model.

    Args:
        tokenizer: any object.
        model: `VAE` to be exported.
        max_length: largest number of tokens of a row, EOS included.

    Raises:
        ValueError: if the model has no sequences, its vocabulary differs, or no row fits `max_length`.
    """
    size = getattr(model.likelihood, "vocabulary_size", None)
    if size is None or not model.autoregressive:
        raise ValueError(
            "A `tokenizer` is for a model of sequences, whose decoder goes token by token. Received: a model with "
            f"the likelihood {type(model.likelihood).__name__}."
        )
    received = getattr(tokenizer, "vocabulary_size", None)
    if received != size:
        raise ValueError(
            f"Expected a `Tokenizer` with the model's vocabulary, {size} ids. "
            f"Received: {type(tokenizer).__name__} with {received or 'none'}."
        )
    check_count("max_length", max_length, 2, remedy="A row has a token and EOS.")


class GraphTokenizer(tf.Module):
    """A `Tokenizer` as graph code, with equal ids and equal text.

    Args:
        tokenizer: `Tokenizer` to convert.
        max_length: largest number of tokens of a row, EOS included; longer lines are truncated.
        row_length: number of tokens T of every row; None is the longest row of a batch.

    Raises:
        ValueError: if tensorflow-text is not installed, or the ids could differ.
    """

    def __init__(self, tokenizer, *, max_length: int, row_length: int | None = None):
        super().__init__()
        sentencepiece_tokenizer = _tensorflow_text().SentencepieceTokenizer
        self._pieces = sentencepiece_tokenizer(tokenizer.model)
        self._row_length = row_length
        self._max_length = min(max_length, row_length or max_length)
        self._table = None
        if tokenizer.words is None:
            return
        if "<0x00>" in tokenizer.words:
            raise ValueError("Expected words alone. Received: a tokenizer by words that falls back to bytes.")
        self._surfaces = sentencepiece_tokenizer(tokenizer.model, out_type=tf.string)
        self._pattern = f"({tokenizer.word_pattern.pattern})"
        initializer = tf.lookup.KeyValueTensorInitializer(
            list(tokenizer.words), list(tokenizer.words.values()), tf.string, tf.int32
        )
        self._table = tf.lookup.StaticHashTable(initializer, UNK)

    def encode(self, text):
        """Returns ids of strings, ragged int32 [B, None], without BOS and EOS."""
        text = _lines(text)
        if self._table is None:
            return self._pieces.tokenize(text)
        normal = tf.strings.reduce_join(self._surfaces.tokenize(text), axis=-1)  # all pieces, known or unknown
        spaced = tf.strings.regex_replace(normal, f"[\u2581{_SPACES}]", " ")  # SentencePiece's sign for a space
        words = tf.strings.split(tf.strings.regex_replace(spaced, self._pattern, r"\1 "), " ")
        words = tf.ragged.boolean_mask(words, tf.not_equal(words, ""))
        return words.with_values(self._table.lookup(words.values))

    def tokenize(self, text):
        """Returns rows of tokens, EOS and PAD, int32 [B, T].

        Args:
            text: strings, which are cleaned like `Lines`. Shape [B].
        """
        text = _lines(text)
        clean = _strip(tf.strings.regex_replace(text, f"[{_SPACES}]+", " "))
        ids = self.encode(clean)[:, : self._max_length - 1]
        rows = tf.concat([ids, tf.fill([tf.shape(text)[0], 1], EOS)], axis=1)
        rows = rows.to_tensor(PAD, shape=[None, self._row_length])
        return tf.pad(rows, [[0, 0], [0, tf.maximum(0, 1 - tf.shape(rows)[1])]])  # T is 1 without lines

    def detokenize(self, tokens):
        """Returns the text of rows up to the first EOS, strings [B]."""
        before_eos = tf.equal(tf.cumsum(tf.cast(tf.equal(tokens, EOS), tf.int32), axis=-1), 0)
        is_text = before_eos & tf.not_equal(tokens, PAD) & tf.not_equal(tokens, BOS)
        text = self._pieces.detokenize(tf.ragged.boolean_mask(tokens, is_text))
        return text if self._table is None else _strip(text)


class TextEndpoints:
    """Graph functions of a served model on text.

    The methods equal the methods of `Endpoints`, with strings [B] for x and for `tokens`.

    Args:
        endpoints: object with the methods of `Endpoints`, on tokens.
        tokenizer: `GraphTokenizer` of the model.
    """

    def __init__(self, endpoints, tokenizer: GraphTokenizer):
        self.endpoints = endpoints
        self.tokenizer = tokenizer

    def encode(self, text):
        """Returns `weights`, `means` and `scales` of the posterior."""
        return self.endpoints.encode(self.tokenizer.tokenize(text))

    def sample_posterior(self, text, num_samples, seed):
        """Returns `z` [num_samples, B, D] drawn from Q(z|x)."""
        return self.endpoints.sample_posterior(self.tokenizer.tokenize(text), num_samples, seed)

    def reconstruct(self, text, seed):
        """Returns `text` [B], the greedy decoding of one z drawn from Q(z|x)."""
        return self._with_text(self.endpoints.reconstruct(self.tokenizer.tokenize(text), seed))

    def decode(self, z):
        """Returns `text` [N], the greedy decoding of z [N, D]."""
        return self._with_text(self.endpoints.decode(z))

    def sample_prior(self, num_samples, seed):
        """Returns `z` drawn from p(z), and `text`, its greedy decoding."""
        return self._with_text(self.endpoints.sample_prior(num_samples, seed))

    def log_likelihood(self, text, num_samples, seed):
        """Returns `log_likelihood` [B], the importance-weighted bound, in nats."""
        return self.endpoints.log_likelihood(self.tokenizer.tokenize(text), num_samples, seed)

    def _with_text(self, answer):
        """Returns the result with `text` instead of `tokens`."""
        tokens = answer.pop("tokens")  # [..., T]
        text = self.tokenizer.detokenize(tf.reshape(tokens, [-1, tf.shape(tokens)[-1]]))
        return {**answer, "text": tf.reshape(text, tf.shape(tokens)[:-1])}


def _lines(text):
    """Returns strings [B] as a tensor; raises ValueError for a single string."""
    text = tf.convert_to_tensor(text)
    if text.dtype != tf.string or text.shape.rank != 1:
        raise ValueError(
            f"Expected lines, strings of shape [B]. Received: {text.dtype.name} of shape {text.shape}. Pass a line "
            "itself in a list, [line]."
        )
    return text


def _strip(text):
    return tf.strings.regex_replace(text, f"^[{_SPACES}]+|[{_SPACES}]+$", "")


def _tensorflow_text():
    try:
        import tensorflow_text
    except ImportError as error:
        raise ValueError(
            "Signatures on strings need tensorflow-text, of TensorFlow's minor version: `pip install tensorflow-text`. "
            "For those on token ids alone: `strings=False`."
        ) from error
    return tensorflow_text
