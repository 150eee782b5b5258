"""Sequence generation from latent codes by an autoregressive decoder, batched and compiled.

Decoding is greedy, by sampling or by beam search. Images are drawn pixel by pixel in `rme_tf.generation.pixels`.
N latent codes, T tokens, V entries of the vocabulary, W beams. Rows end with EOS, then PAD.
"""

import dataclasses
from collections.abc import Callable

import tensorflow as tf

from rme_tf.core.argument_checks import as_codes, check_model
from rme_tf.core.compiled import compiled
from rme_tf.core.registry import check_names, lookup
from rme_tf.core.seeds import as_seed
from rme_tf.core.types import BOS, EOS, PAD, UNK
from rme_tf.core.validation import check_count, check_number, optional, require
from rme_tf.generation.pixels import generate_pixels
from rme_tf.objectives import LOG_ZERO


@dataclasses.dataclass(frozen=True, kw_only=True)
class Generation:
    """Options for generating sequences from p(x|z).

    Args:
        strategy: "greedy" (the likeliest token at each step), "sample" or "beam".
        max_length: largest number of tokens T, EOS included.
        temperature: divisor of the logits, for "sample".
        top_k: number of likeliest tokens to sample from, for "sample"; None is all.
        top_p: total probability of the likeliest tokens to sample from, for "sample"; 1 is all.
        num_beams: number of beams W, for "beam".
        length_penalty: exponent of the length that divides a score, for "beam".
        unknown: whether the unknown token may be generated; if not, its probability goes to the other tokens.

    Raises:
        ValueError: if a number is out of range or the strategy is unknown.

    References:
        Holtzman et al. (2020), https://arxiv.org/abs/1904.09751, for `top_p`
    """

    strategy: str = "greedy"
    max_length: int = 50
    temperature: float = 1.0
    top_k: int | None = None
    top_p: float = 1.0
    num_beams: int = 5
    length_penalty: float = 0.0
    unknown: bool = True

    def __post_init__(self):
        lookup(STRATEGIES, self.strategy, "strategy of generation")
        optional(check_count, "max_length", self.max_length)
        optional(check_count, "top_k", self.top_k)
        check_count("num_beams", self.num_beams)
        check_number("length_penalty", self.length_penalty)
        check_number("temperature", self.temperature, above=0.0)
        check_number("top_p", self.top_p, above=0.0, most=1.0)
        require(isinstance(self.unknown, bool), "unknown", "be True or False", self.unknown)


def generate(model, z, *, seed=(0, 0), options: Generation | None = None, **choices):
    """Returns a sequence or an image for each latent code.

    Args:
        model: `VAE` whose decoder has `initial_state` and `step`.
        z: latent codes. Shape [N, D].
        seed: seed of images, and of sequences with the strategy "sample": an integer, of shape [2], or None.
        options: options of sequences, a `Generation`; None is `Generation()`.
        **choices: fields of `Generation` that replace fields of `options`; for images `verbose`, whether to show a
            progress bar over the rows.

    Returns:
        generated: token ids, int32 [N, T], or images, float32 [N, H, W, C].

    Raises:
        ValueError: if the decoder is not autoregressive, z is not codes [N, D], or an option is unknown or out of
            range.
    """
    check_model(model)
    if not hasattr(model.decoder, "step"):
        raise ValueError(
            "Expected a decoder that goes token by token or pixel by pixel, with `initial_state` and `step`. "
            f"Received: {type(model.decoder).__name__}."
        )
    z = as_codes(z, model.latent_dim, rank=2)
    if model.likelihood.parts == "pixels":
        check_image_choices({**choices, **({} if options is None else {"options": options})})
        return generate_pixels(model, z, seed=seed, **choices)
    options = _chosen(options, choices)
    return compiled(STRATEGIES[options.strategy], model, options)(z, tf.cast(as_seed(seed), tf.int32))


def check_image_choices(choices) -> None:
    """Checks the options for generating images.

    Args:
        choices: dict of options.

    Raises:
        ValueError: for an option other than `verbose`.
    """
    if set(choices) - {"verbose"}:
        raise ValueError(f"Images are rendered with no option but `verbose`. Received: {sorted(choices)}.")


def _chosen(options: Generation | None, choices) -> Generation:
    """Returns the options, with fields replaced by the choices."""
    known = [field.name for field in dataclasses.fields(Generation)]
    check_names(choices, known, "options of generation")
    return dataclasses.replace(options or Generation(), **choices)


def filtered_logits(logits, *, temperature=1.0, top_k=None, top_p=1.0):
    """Returns logits [..., V] for sampling, with `LOG_ZERO` for excluded tokens.

    Args:
        logits: logits of the next token. Shape [..., V].
        temperature: divisor of the logits.
        top_k: number of likeliest tokens to keep; None is all.
        top_p: total probability of the likeliest tokens to keep; 1 is all.
    """
    logits = logits / temperature
    if top_k is not None:
        least = tf.math.top_k(logits, min(top_k, logits.shape[-1])).values[..., -1:]
        logits = tf.where(logits < least, LOG_ZERO, logits)
    if top_p < 1.0:
        ordered = tf.sort(logits, axis=-1, direction="DESCENDING")
        before = tf.cumsum(tf.nn.softmax(ordered), axis=-1, exclusive=True)  # the likeliest token always stays
        least = tf.reduce_min(tf.where(before < top_p, ordered, ordered.dtype.max), axis=-1, keepdims=True)
        logits = tf.where(logits < least, LOG_ZERO, logits)
    return logits


def _next_logits(model, previous, state, z, options):
    """Returns the logits [N, V] of the next token, `LOG_ZERO` for those that never follow, and the state after it."""
    features, state = model.decoder.step(previous, state, z)
    logits = model.likelihood.logits(tf.cast(features, tf.float32))
    excluded = [PAD, BOS] if options.unknown else [PAD, BOS, UNK]
    never = tf.reduce_sum(tf.one_hot(excluded, logits.shape[-1]), axis=0)
    return tf.where(never > 0.0, LOG_ZERO, logits), _in_32_bits(state)


def _in_32_bits(state):
    """Returns a decoder's state in float32, the dtype of the loop, for every compute dtype of the decoder."""
    return [tf.cast(part, tf.float32) for part in state]


def _one_by_one(model, z, options, choose: Callable):
    """Returns tokens [N, T], each chosen by `choose(logits [N, V], step)`."""
    num_rows = tf.shape(z)[0]
    state = _in_32_bits(model.decoder.initial_state(z))
    tokens = tf.TensorArray(tf.int32, size=options.max_length, element_shape=[None])

    def body(step, previous, state, done, tokens):
        """Adds a token to every row, and PAD to rows that have ended."""
        logits, state = _next_logits(model, previous, state, z, options)
        chosen = tf.cast(choose(logits, step), tf.int32)
        last = tf.equal(step, options.max_length - 1)
        chosen = tf.where(last, EOS, chosen)
        chosen = tf.where(done, PAD, chosen)
        return step + 1, chosen, state, tf.logical_or(done, tf.equal(chosen, EOS)), tokens.write(step, chosen)

    start = (tf.constant(0), tf.fill([num_rows], BOS), state, tf.zeros([num_rows], tf.bool), tokens)
    *_, tokens = tf.while_loop(
        lambda step, *_: step < options.max_length, body, start, maximum_iterations=options.max_length
    )
    return tf.transpose(tokens.stack())


def _greedy(model, z, seed, options):
    del seed
    return _one_by_one(model, z, options, lambda logits, step: tf.argmax(logits, axis=-1))


def _sample(model, z, seed, options):
    def choose(logits, step):
        logits = filtered_logits(logits, temperature=options.temperature, top_k=options.top_k, top_p=options.top_p)
        return tf.random.stateless_categorical(logits, 1, tf.random.fold_in(seed, step))[:, 0]

    return _one_by_one(model, z, options, choose)


def _beam(model, z, seed, options):
    """Returns the best of W hypotheses for each code; a finished hypothesis keeps its score and is extended by PAD."""
    del seed
    width, num_rows = options.num_beams, tf.shape(z)[0]
    size = model.likelihood.vocabulary_size
    codes = tf.repeat(z, width, axis=0)  # [N W, D]
    offsets = tf.range(num_rows)[:, tf.newaxis] * width  # row of the first hypothesis of each code

    def body(step, tokens, scores, lengths, state, done):
        """Extends every hypothesis by every token, and keeps the W best of each code."""
        logits, state = _next_logits(model, tokens[:, step], state, codes, options)
        log_probs = tf.reshape(tf.nn.log_softmax(logits), [num_rows, width, size])
        closed = tf.one_hot(PAD, size, on_value=0.0, off_value=LOG_ZERO)
        only_eos = tf.one_hot(EOS, size, on_value=0.0, off_value=LOG_ZERO)
        log_probs += tf.where(step + 1 == options.max_length, only_eos, 0.0)
        log_probs = tf.where(done[..., tf.newaxis], closed, log_probs)
        totals = scores[..., tf.newaxis] + log_probs  # [N, W, V]
        new_lengths = lengths + tf.cast(~done, tf.float32)
        ranks = totals / (new_lengths[..., tf.newaxis] ** options.length_penalty)
        _, best = tf.math.top_k(tf.reshape(ranks, [num_rows, -1]), width)  # [N, W]
        parents, chosen = best // size, best % size
        rows = tf.reshape(offsets + parents, [-1])
        tokens = tf.gather(tokens, rows)
        column = tf.one_hot(step + 1, options.max_length + 1, dtype=tf.int32)
        tokens += column * tf.reshape(chosen, [-1, 1])
        pick = {"indices": parents, "batch_dims": 1}
        done = tf.logical_or(tf.gather(done, **pick), tf.equal(chosen, EOS))
        scores = tf.gather(tf.reshape(totals, [num_rows, -1]), best, batch_dims=1)
        state = [tf.gather(part, rows) for part in state]
        return _shaped_as(start, (step + 1, tokens, scores, tf.gather(new_lengths, **pick), state, done))

    first = tf.one_hot(tf.zeros([num_rows], tf.int32), width, on_value=0.0, off_value=LOG_ZERO)
    tokens = tf.pad(tf.fill([num_rows * width, 1], BOS), [[0, 0], [0, options.max_length]], constant_values=PAD)
    state = _in_32_bits(model.decoder.initial_state(codes))
    start = (tf.constant(0), tokens, first, tf.zeros_like(first), state, tf.zeros_like(first, tf.bool))
    _, tokens, *_ = tf.while_loop(
        lambda step, *_: step < options.max_length, body, start, maximum_iterations=options.max_length
    )
    return tf.reshape(tokens, [num_rows, width, -1])[:, 0, 1:]


def _shaped_as(before, after):
    """Returns `after` with the static shapes of `before`, which `tf.while_loop` requires."""
    return tf.nest.map_structure(lambda old, new: tf.ensure_shape(new, old.shape), before, after)


STRATEGIES = {"beam": _beam, "greedy": _greedy, "sample": _sample}
