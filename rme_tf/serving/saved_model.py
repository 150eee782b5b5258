"""Export to a SavedModel that needs only TensorFlow."""

import keras
import tensorflow as tf

from rme_tf.core import invalid_inputs
from rme_tf.core.files import check_writable
from rme_tf.evaluation.chunking import chunks
from rme_tf.evaluation.likelihood_bounds import bounds_of_batch, draws_per_component
from rme_tf.models.artifacts import without_cudnn
from rme_tf.serving.strings import GraphTokenizer, TextEndpoints, check_tokenizer

_TEXT = tf.TensorSpec([None], tf.string, name="text")
_CHUNK_BATCH = 64  # batch size for which chunks fit the memory; larger batches use more


def export_saved_model(model, path, *, max_length: int = 50, tokenizer=None, strings: bool = True) -> None:
    """Writes a SavedModel, to be loaded without Keras, TFP or this library.

    Each signature is also a method of the object that `tf.saved_model.load(path)` returns. x is float32
    [B, *event_shape] for any B; for sequences, x is token ids, int32 [B, T] for any T. Seeds are int32 scalars, and
    equal seeds give equal results. Every result is a dict of float32 tensors. For sequences, `mean` is replaced by
    `tokens`, int32 [..., max_length], the greedy decoding. For images that a decoder draws pixel by pixel, `mean` is
    replaced by `pixels`, one draw from p(x|z), with the seed 0 in `decode`.

        encode(x)                                weights [B, M], means [B, M, D], scales [B, M, D]
        sample_posterior(x, num_samples, seed)   z [num_samples, B, D], drawn from Q(z|x)
        reconstruct(x, seed)                     mean [B, *event_shape], for one z drawn from Q(z|x)
        decode(z)                                mean [N, *event_shape], for z [N, D]
        sample_prior(num_samples, seed)          z [num_samples, D], mean [num_samples, *event_shape]
        log_likelihood(x, num_samples, seed)     log_likelihood [B], importance-weighted, in nats
        serving_default(x)                       the same as encode

    Invalid input never gives a plausible number. For a row of x outside of the likelihood's support (8-bit pixels that
    were not scaled, NaN, ids outside of the vocabulary, tokens after PAD), and for a z that is not finite, all floats
    are NaN and all tokens -1; the other rows of the batch are not affected. A `num_samples` below 1 raises an
    InvalidArgumentError.

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

    def encode(self, x):
        """Returns `weights`, `means` and `scales` of the posterior."""
        x, valid = self._read(x)
        return invalid_inputs.masked(self.model.posterior_of(self._infer(x)).moments(), valid)

    def sample_posterior(self, x, num_samples, seed):
        """Returns `z` [num_samples, B, D] drawn from Q(z|x)."""
        x, valid = self._read(x)
        return invalid_inputs.masked(
            {"z": self._draw(x, invalid_inputs.at_least_one(num_samples), seed)}, valid, axis=1
        )

    def reconstruct(self, x, seed):
        """Returns `mean`, `tokens` or `pixels` of p(x'|z), for z drawn from Q(z|x)."""
        x, valid = self._read(x)
        z = self._draw(x, tf.constant(1), seed)[0]
        noise = tf.random.fold_in(_stateless(seed), 1)  # as in `VAE.reconstruct`
        return invalid_inputs.masked({self.name: self.model.render(z, noise, **self.options)}, valid)

    def decode(self, z):
        """Returns `mean`, `tokens` or `pixels` of p(x|z)."""
        return invalid_inputs.masked({self.name: self.model.render(z, **self.options)}, invalid_inputs.valid_codes(z))

    def sample_prior(self, num_samples, seed):
        """Returns `z` drawn from p(z), and `mean`, `tokens` or `pixels`."""
        num_samples = invalid_inputs.at_least_one(num_samples)
        z = self.model.prior.distribution().sample(num_samples, seed=_stateless(seed))
        noise = tf.random.fold_in(_stateless(seed), 1)  # as in `VAE.sample`
        return {"z": z, self.name: self.model.render(z, noise, **self.options)}

    def log_likelihood(self, x, num_samples, seed):
        """Returns `log_likelihood` [B], the stratified importance-weighted bound, in nats."""
        num_components = self.model.num_components
        _, block, chunk = chunks(self.model, _CHUNK_BATCH)
        num_draws = draws_per_component(invalid_inputs.at_least_one(num_samples), num_components)
        x, valid = self._read(x)
        bounds = bounds_of_batch(self.model, x, num_draws, _stateless(seed), chunk, block, self._infer(x))
        return invalid_inputs.masked({"log_likelihood": bounds.log_likelihood}, valid & (num_samples >= 1))

    def _read(self, x):
        """Returns x, and whether each row [B] is valid."""
        valid = invalid_inputs.valid_observations(self.model.likelihood, x)
        return invalid_inputs.filled(x, valid), valid

    def _sample(self, x, num_samples, seed):
        return self.model.posterior_of(self._infer(x)).sample(num_samples, seed)


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
    functions = _serve(served, Endpoints(model, max_length), _signatures(model))
    if tokenizer is not None:
        functions |= _serve(served, TextEndpoints(served, tokenizer), _signatures(model, x=_TEXT), suffix="_text")
    tf.saved_model.save(served, str(path), signatures={"serving_default": served.encode, **functions})


def _serve(served: tf.Module, endpoints, signatures, suffix: str = ""):
    """Adds graph functions of the endpoints to a module as methods; returns them by name."""
    functions = {}
    for name, specs in signatures.items():
        function = tf.function(getattr(endpoints, name), input_signature=specs, autograph=False)
        functions[name + suffix] = function
        setattr(served, name + suffix, function)
    return functions


def _signatures(model, x=None):
    """Returns the inputs of each endpoint, a list of `tf.TensorSpec` by name; by default, x is the model's input."""
    x = x or model.likelihood.spec(name="x")
    latents = tf.TensorSpec([None, model.latent_dim], tf.float32, name="z")
    num_samples = tf.TensorSpec([], tf.int32, name="num_samples")
    seed = tf.TensorSpec([], tf.int32, name="seed")
    return {
        "encode": [x],
        "sample_posterior": [x, num_samples, seed],
        "reconstruct": [x, seed],
        "decode": [latents],
        "sample_prior": [num_samples, seed],
        "log_likelihood": [x, num_samples, seed],
    }


def _write_extra_asset(sentencepiece_model, path):
    """Writes the SentencePiece model to the SavedModel's folder for files that its graph does not read."""
    folder = tf.io.gfile.join(str(path), "assets.extra")
    tf.io.gfile.makedirs(folder)
    with tf.io.gfile.GFile(tf.io.gfile.join(folder, "tokenizer.model"), "wb") as file:
        file.write(sentencepiece_model)


def _stateless(seed):
    return tf.stack([seed, 0])
