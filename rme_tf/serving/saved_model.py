"""Export to a SavedModel that needs only TensorFlow."""

import math

import keras
import tensorflow as tf

from rme_tf.core import invalid_inputs
from rme_tf.core.argument_checks import check_model
from rme_tf.core.files import check_writable
from rme_tf.core.types import Encoding
from rme_tf.evaluation.chunking import chunks
from rme_tf.evaluation.imputation import completed
from rme_tf.evaluation.likelihood_bounds import bounds_of_batch, draws_per_component
from rme_tf.models.artifacts import without_cudnn
from rme_tf.serving.empty_batches import answering_empty
from rme_tf.serving.row_groups import RowGroups
from rme_tf.serving.strings import GraphTokenizer, TextEndpoints, check_tokenizer

_TEXT = tf.TensorSpec([None], tf.string, name="text")
# Endpoints that draw, whose graphs need a row: name of the draws [num_samples, B, ...] in the answer, if any.
DRAWS = {"sample_posterior": "z", "reconstruct": None, "sample_prior": None, "log_likelihood": None, "impute": "x"}
_CHUNK_BATCH = 64  # batch size for which chunks fit the memory; larger batches use more


def export_saved_model(model, path, *, max_length: int = 50, tokenizer=None, strings: bool = True) -> None:
    """Writes a SavedModel, to be loaded without Keras, TFP or this library.

    Each signature is also a method of the object that `tf.saved_model.load(path)` returns. x is float32
    [B, *event_shape] for any B; for sequences, x is token ids, int32 [B, T] for any T. Equal seeds give equal results.
    Every result is a dict of float32 tensors. For sequences, `mean` is replaced by `tokens`, int32 [..., max_length],
    the greedy decoding. For images that a decoder draws pixel by pixel, `mean` is replaced by `pixels`, one draw from
    p(x|z), with the seed 0 in `decode`.

        encode(x)                                weights [B, M], means [B, M, D], scales [B, M, D]
        sample_posterior(x, num_samples, seed)   z [num_samples, B, D], drawn from Q(z|x)
        reconstruct(x, seed)                     mean [B, *event_shape], for one z drawn from Q(z|x)
        decode(z)                                mean [N, *event_shape], for z [N, D]
        sample_prior(num_samples, seed)          z [num_samples, D], mean [num_samples, *event_shape]
        log_likelihood(x, num_samples, seed)     log_likelihood [B], importance-weighted, in nats
        impute(x, num_samples, seed)             x [num_samples, B, *event_shape], see `rme_tf.impute`
        serving_default(x)                       the same as encode

    `impute` is there if NaN in x is a missing entry; then all signatures take x with missing entries.

    `num_samples` and `seed` are int32 scalars, or have a value for each row, [B], as in TensorFlow Serving's row
    format, `{"instances": [{"x": ..., "seed": 3}, ...]}`. With values for rows, the answer to a row is the answer to a
    batch of that row alone, and does not depend on the other rows. `sample_posterior`, `sample_prior` and `impute` then
    return [B, num_samples, ...], and require equal `num_samples` of all rows.

    Invalid input never gives a plausible number. For a row of x outside of the likelihood's support (8-bit pixels that
    were not scaled, NaN, ids outside of the vocabulary, tokens after PAD), and for a z that is not finite, all floats
    are NaN and all tokens -1; the other rows of the batch are not affected. A `num_samples` below 1, and a number of
    seeds other than B, raise an InvalidArgumentError. A batch without rows has an answer without rows.

    With a tokenizer there are also signatures on text, from encode_text(text) to log_likelihood_text(text, num_samples,
    seed), where strings `text` [B] replace x, and `tokens` in the results. The loading process must then import
    tensorflow_text (which imports Keras), unless `strings=False` leaves these signatures out. The SentencePiece model
    is written in both cases, as assets.extra/tokenizer.model. `rme_tf.serving.strings` has examples of both.

    The signatures `encode` and `decode` convert to ONNX and to LiteRT: docs/conversion.md has the table.

    Args:
        model: trained `VAE`.
        path: directory to write.
        max_length: largest number of tokens of a generated sequence, and of a string as input, EOS included.
        tokenizer: `Tokenizer` of the sequences that the model was trained on; None leaves out text.
        strings: whether to write signatures on text, with a tokenizer.

    Raises:
        ValueError: if the tokenizer does not fit the model, if tensorflow-text is needed and not installed, or if the
            directory cannot be written.
    """
    check_writable(path, "path")
    check_model(model)
    in_graph = None
    if tokenizer is not None:
        check_tokenizer(tokenizer, model, max_length)
    if tokenizer is not None and strings:
        in_graph = GraphTokenizer(tokenizer, max_length=max_length, row_length=model.likelihood.event_shape[0])
    with without_cudnn(model):
        _write(model, max_length, in_graph, path)
    if tokenizer is not None:
        _write_extra_asset(tokenizer.model, path)


class Endpoints:
    """Graph functions of a served model, see `export_saved_model`.

    The functions share the graphs of the encoders and of a draw from Q(z|x).

    Args:
        model: trained `VAE`.
        max_length: largest number of tokens of a generated sequence.
    """

    def __init__(self, model, max_length: int):
        self.model = model
        self.name = model.likelihood.parts if model.autoregressive else "mean"
        self.options = {"max_length": max_length} if self.name == "tokens" else {}
        self._infer = tf.function(model.encode, autograph=False)  # `compiled` may have a graph with cuDNN
        self._draw = tf.function(self._sample, autograph=False)
        self._codes = tf.TensorSpec([None, model.latent_dim], tf.float32)

    def encode(self, x):
        """Returns `weights`, `means` and `scales` of the posterior."""
        x, valid = self._read(x)
        return invalid_inputs.masked(self.model.posterior_of(self._infer(x)).moments(), valid)

    def sample_posterior(self, x, num_samples, seed):
        """Returns `z` [num_samples, B, D] drawn from Q(z|x), or [B, num_samples, D] by rows."""
        x, valid = self._read(x)
        groups = RowGroups(tf.shape(x)[0], num_samples=invalid_inputs.at_least_one(num_samples), seed=seed)
        z = self._draws(x, groups, groups.equal("num_samples"))
        (valid,) = groups.split(valid)
        return {"z": groups.joined_draws(tf.where(valid[:, tf.newaxis, :, tf.newaxis], z, math.nan))}

    def reconstruct(self, x, seed):
        """Returns `mean`, `tokens` or `pixels` of p(x'|z), for z drawn from Q(z|x)."""
        x, valid = self._read(x)
        groups = RowGroups(tf.shape(x)[0], seed=seed)
        z = self._draws(x, groups, tf.constant(1))[:, 0]  # [G, R, D]
        mean = self.model.likelihood.as_observed(groups.joined(self._render(z, groups)), x)
        return invalid_inputs.masked({self.name: mean}, valid)

    def decode(self, z):
        """Returns `mean`, `tokens` or `pixels` of p(x|z)."""
        return invalid_inputs.masked({self.name: self.model.render(z, **self.options)}, invalid_inputs.valid_codes(z))

    def sample_prior(self, num_samples, seed):
        """Returns `z` drawn from p(z), and `mean`, `tokens` or `pixels`."""
        groups = RowGroups(num_samples=invalid_inputs.at_least_one(num_samples), seed=seed)
        count, prior = groups.equal("num_samples"), self.model.prior.distribution()

        def draw(seed, **_):
            """Returns the draws of a group."""
            return prior.sample(count, seed=_stateless(seed))

        z = groups.map(draw, [], self._codes)  # [G, S, D]
        return {"z": groups.without_group(z), self.name: groups.without_group(self._render(z, groups))}

    def log_likelihood(self, x, num_samples, seed):
        """Returns `log_likelihood` [B], the stratified importance-weighted bound, in nats."""
        _, block, chunk = chunks(self.model, _CHUNK_BATCH)
        x, valid = self._read(x)
        groups = RowGroups(tf.shape(x)[0], num_samples=invalid_inputs.at_least_one(num_samples), seed=seed)

        def bound(x, *encoding, num_samples, seed):
            """Returns the bound for the rows of a group."""
            num_draws = draws_per_component(num_samples, self.model.num_components)
            encoding = self._of_group(x, encoding)
            bounds = bounds_of_batch(self.model, x, num_draws, _stateless(seed), chunk, block, encoding)
            return tf.where(num_samples >= 1, bounds.log_likelihood, math.nan)

        bounds = groups.map(bound, groups.split(x, *self._shared(x)), tf.TensorSpec([None], tf.float32))
        return invalid_inputs.masked({"log_likelihood": groups.joined(bounds)}, valid)

    def impute(self, x, num_samples, seed):
        """Returns `x` with missing entries drawn, [num_samples, B, ...], or [B, num_samples, ...] by rows."""
        x, valid = self._read(x)
        groups = RowGroups(tf.shape(x)[0], num_samples=invalid_inputs.at_least_one(num_samples), seed=seed)
        z = self._draws(x, groups, groups.equal("num_samples"))  # [G, S, R, D]

        def drawn(x, valid, z, seed, **_):
            """Returns the imputations of a group, NaN for invalid rows."""
            imputed = completed(self.model, x, z, _stateless(seed))
            return invalid_inputs.masked({"x": imputed}, valid, axis=1)["x"]

        spec = tf.TensorSpec([None, None, *self.model.likelihood.event_shape], tf.float32)
        return {"x": groups.joined_draws(groups.map(drawn, [*groups.split(x, valid), z], spec))}

    def _read(self, x):
        """Returns x, and whether each row [B] is valid."""
        valid = invalid_inputs.valid_observations(self.model.likelihood, x)
        return invalid_inputs.filled(x, valid), valid

    def _shared(self, x) -> tuple:
        """Returns the encoding of all rows; nothing with a refinement, whose noise depends on the place in a batch."""
        return () if self.model.refinement is not None else tuple(self._infer(x))

    def _of_group(self, x, encoding) -> Encoding:
        """Returns the encoding of a group, from `_shared` if it is there."""
        return Encoding(*encoding) if encoding else self._infer(x)

    def _draws(self, x, groups: RowGroups, num_samples):
        """Returns draws z [G, num_samples, R, D] from Q(z|x)."""

        def draw(x, *encoding, seed, **_):
            """Returns the draws of a group."""
            return self._draw(*self._of_group(x, encoding), num_samples, seed)

        spec = tf.TensorSpec([None, *self._codes.shape], tf.float32)
        return groups.map(draw, groups.split(x, *self._shared(x)), spec)

    def _render(self, z, groups: RowGroups):
        """Returns `render(z)` [G, R, ...] for codes z [G, R, D]; pixels are drawn by the seed of a group."""

        def drawn(z, seed, **_):
            """Returns the images of a group."""
            return self.model.render(z, tf.random.fold_in(_stateless(seed), 1))  # as in `VAE.reconstruct` and `sample`

        if self.name == "pixels":
            return groups.map(drawn, [z], tf.TensorSpec([None, *self.model.likelihood.event_shape], tf.float32))
        rendered = self.model.render(tf.reshape(z, [-1, self.model.latent_dim]), **self.options)
        shaped = tf.reshape(rendered, tf.concat([tf.shape(z)[:2], tf.shape(rendered)[1:]], axis=0))
        return tf.ensure_shape(shaped, [None, None, *rendered.shape[1:]])

    def _sample(self, params, log_alpha, num_samples, seed):
        return self.model.posterior_of(Encoding(params, log_alpha)).sample(num_samples, seed)


def resources_of(root) -> list:
    """Returns the lookup tables and other non-variable resources of a model.

    Layers, modules and containers are searched. TensorFlow's own view of an object for a SavedModel has them too, but
    its computation traces every Keras model.
    """
    resources, seen, left = [], set(), [root]
    while left:
        part = left.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        if isinstance(part, tf.saved_model.experimental.TrackableResource):
            resources.append(part)
        elif isinstance(part, dict):
            left.extend(part.values())
        elif isinstance(part, list | tuple | set):
            left.extend(part)
        elif isinstance(part, tf.Module | keras.layers.Layer):
            left.extend(vars(part).values())
    return resources


def _write(model, max_length: int, tokenizer: GraphTokenizer | None, path):
    """Writes the endpoints; TensorFlow traces each of them once while saving, and text endpoints call the others."""
    served = tf.Module()
    served.weights = [variable.value for variable in model.variables]
    served.resources = resources_of(model)
    served.tokenizer = tokenizer
    functions = _serve(served, Endpoints(model, max_length), _signatures(model), draws=DRAWS)
    if tokenizer is not None:
        functions |= _serve(served, TextEndpoints(served, tokenizer), _signatures(model, x=_TEXT), suffix="_text")
    tf.saved_model.save(served, str(path), signatures={"serving_default": served.encode, **functions})


def _serve(served: tf.Module, endpoints, signatures, suffix: str = "", draws=None):
    """Adds graph functions of the endpoints to a module as methods; returns them by name."""
    functions, draws = {}, draws or {}
    for name, specs in signatures.items():
        endpoint = getattr(endpoints, name)
        endpoint = answering_empty(endpoint, draws[name]) if name in draws else endpoint
        function = tf.function(endpoint, input_signature=specs, autograph=False)
        functions[name + suffix] = function
        setattr(served, name + suffix, function)
    return functions


def _signatures(model, x=None):
    """Returns the inputs of each endpoint, a list of `tf.TensorSpec` by name; by default, x is the model's input."""
    x = x or model.likelihood.spec(name="x")
    latents = tf.TensorSpec([None, model.latent_dim], tf.float32, name="z")
    num_samples, seed = (tf.TensorSpec(None, tf.int32, name=name) for name in ("num_samples", "seed"))  # [] or [B]
    only_missing = {"impute": [x, num_samples, seed]} if model.likelihood.missing else {}
    return {
        "encode": [x],
        "sample_posterior": [x, num_samples, seed],
        "reconstruct": [x, seed],
        "decode": [latents],
        "sample_prior": [num_samples, seed],
        "log_likelihood": [x, num_samples, seed],
        **only_missing,
    }


def _write_extra_asset(sentencepiece_model, path):
    """Writes the SentencePiece model to the SavedModel's folder for files that its graph does not read."""
    folder = tf.io.gfile.join(str(path), "assets.extra")
    tf.io.gfile.makedirs(folder)
    with tf.io.gfile.GFile(tf.io.gfile.join(folder, "tokenizer.model"), "wb") as file:
        file.write(sentencepiece_model)


def _stateless(seed):
    return tf.stack([seed, 0])
