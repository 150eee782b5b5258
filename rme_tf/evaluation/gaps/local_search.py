"""Search for the best posterior of each observation.

Rounds of ascent from several starts, and a check of convergence.

Letters: R starts, B observations, K components in use, P params, S draws from each component.
"""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from rme_tf import objectives
from rme_tf.core.compiled import compiled
from rme_tf.core.types import Encoding
from rme_tf.core.validation import check_counts, check_number, require
from rme_tf.evaluation import chunking, sums
from rme_tf.evaluation.gaps import local_optimum
from rme_tf.evaluation.gaps.local_starts import NUM_CANDIDATES, recombined, starts
from rme_tf.posteriors import Mixing

OF_ROUNDS, OF_CHOICE = 1, 2  # folded into a seed
CHOICE_SAMPLES = 500  # draws for an observation, over all components, by which posteriors are compared


class LocalSearch(NamedTuple):
    """Settings of the search for the best posterior of an observation.

    The first round ascends from all starts, each later one from the best posterior so far, with the rate of the first
    step again; the second one from a mixture of the components that the first has found, too. An observation has
    converged when a later round gains no more than the tolerance, within two standard errors; it then leaves the
    search.
    """

    steps: int = 500  # of Adam, in a round
    rounds: int = 5  # at most; at least 2
    starts: int = 4  # the encoder's output, and others
    num_samples: int = 8  # draws S from each component for the gradient of a step
    learning_rate: float = 0.05  # of the first step of a round, in units of params; falls to zero by a cosine
    tolerance: float = 0.01  # nats


class Found(NamedTuple):
    """The best posteriors of a batch."""

    params: np.ndarray  # [B, K, P]
    log_alpha: np.ndarray  # [B, K]
    start: np.ndarray  # index of the start, R for recombined components; -1 where none leads above q  [B]
    last_gain: np.ndarray  # gain of ELBO(Q) in the last round, in nats  [B]
    converged: np.ndarray  # [B]


def check_search(model, search: LocalSearch) -> None:
    """Checks the settings of a search and the model for it.

    Raises:
        ValueError: for settings out of range, or mixing weights whose logits are unknown.
    """
    require(isinstance(search, LocalSearch), "search", "be a `LocalSearch`", repr(search))
    check_counts(**{f"search.{name}": getattr(search, name) for name in ("steps", "starts", "num_samples")})
    check_counts(2, **{"search.rounds": search.rounds})
    check_number("search.learning_rate", search.learning_rate, above=0.0)
    check_number("search.tolerance", search.tolerance, least=0.0)
    invertible = not model.mixing.learned or type(model.mixing).logits is not Mixing.logits
    received = f"{type(model.mixing).__name__}, whose `logits` is that of `Mixing`"
    require(invertible, "model", "have mixing weights whose logits are known", received, "Override `logits` there.")


def rows_at_once(model, search: LocalSearch, batch_size: int) -> int:
    """Returns the number of observations that are searched together.

    Args:
        model: `VAE` with the networks.
        search: settings of the search.
        batch_size: largest number of observations.
    """
    codes = search.starts * model.num_components * search.num_samples
    return max(1, min(batch_size, chunking.codes_at_once(model) // max(codes, 2 * NUM_CANDIDATES)))


def encoding_of(model, x, *, refined: bool) -> Encoding:
    """Returns the `Encoding` of the components in use.

    Args:
        model: `VAE` with the networks.
        x: observations. Shape [B, *event_shape].
        refined: whether the model's refinement, if any, is applied.
    """
    count = int(model.num_active.numpy())
    return Encoding(*compiled(_encoded, model, count, refined, signature=(model.likelihood.spec(),))(x))


class LogRatios(NamedTuple):
    """Log-ratios of densities at draws from each component, in nats."""

    of_mixture: np.ndarray  # log p(x, z) - log Q(z|x)  [S, B, K]
    of_component: np.ndarray  # log p(x, z) - log q_m(z|x)  [S, B, K]


def log_ratios(model, x, encoding: Encoding, seed, num_draws: int) -> LogRatios:
    """Returns the `LogRatios` at draws from each component.

    The noise of the draws depends on the seed and the component alone.

    Args:
        model: `VAE` with the networks.
        x: observations. Shape [B, *event_shape].
        encoding: `Encoding` of the observations.
        seed: stateless seed. Shape [2].
        num_draws: number of draws S from each component.
    """
    most = chunking.chunks(model, len(x), num_draws).draws
    passes = -(-num_draws // most)
    chunk = -(-num_draws // passes)
    call = compiled(_log_ratios, model, passes, chunk, signature=_signature(model, encoding))
    return LogRatios(*call(x, *encoding, seed).numpy().astype(np.float64)[:, :num_draws])


def best_posteriors(model, x, encoding: Encoding, seed, search: LocalSearch) -> Found:
    """Returns the `Found` posteriors of a batch.

    Each comparison is by draws of its own, the same for both sides, which no ascent has seen.

    Args:
        model: `VAE` with the networks.
        x: observations. Shape [B, *event_shape].
        encoding: `Encoding` to start from.
        seed: stateless seed. Shape [2].
        search: settings of the search.
    """
    size, (params, log_alpha) = len(x), (np.array(part) for part in encoding)
    optimum = Found(params, log_alpha, np.full(size, -1), np.full(size, np.inf), np.zeros(size, bool))
    mixture = None
    for number in range(search.rounds):
        rows = np.flatnonzero(~optimum.converged)
        if not rows.size:
            break
        part, before = tf.gather(x, rows), Encoding(tf.constant(params[rows]), tf.constant(log_alpha[rows]))
        keys = [tf.random.fold_in(tf.random.fold_in(seed, kind), number) for kind in (OF_ROUNDS, OF_CHOICE)]
        if number == 0:
            begins = compiled(starts, model, search.starts, signature=_signature(model, before))(x, *before, keys[0])
        else:
            both = [before] if mixture is None else [before, mixture]
            begins = (tf.concat(parts, axis=0) for parts in zip(*both, strict=True))
        result = _round(model, part, before, Encoding(*begins), keys, search)
        better = result.gain > 0.0
        for values, new in zip((params, log_alpha), result.best, strict=True):
            values[rows[better]] = new[better]
        if number == 0:
            optimum.start[rows[better]] = result.begin[better]
            mixture = _recombined(model, result)
        else:
            optimum.start[rows[better & (result.begin > 0)]] = search.starts
            optimum.last_gain[rows] = result.gain
            optimum.converged[rows] = result.gain - 2.0 * result.error <= search.tolerance
            mixture = None
    return optimum


class Round(NamedTuple):
    """Results of a round, for R begins of each observation."""

    best: Encoding  # of the begins, after the ascent
    begin: np.ndarray  # index of the best begin  [B]
    gain: np.ndarray  # over the posterior before the round, in nats  [B]
    error: np.ndarray  # standard error of the gain  [B]
    params: np.ndarray  # of the components of all begins, after the ascent  [B, R K, P]
    component_elbos: np.ndarray  # [B, R K]


def _round(model, x, before: Encoding, begins: Encoding, seeds, search: LocalSearch) -> Round:
    """Returns the `Round` of ascents from begins, row r B + b of which is begin r of observation b."""
    count = len(begins.params) // len(x)
    options = search.steps, search.num_samples, search.learning_rate
    climb = compiled(_ascended, model, *options, signature=_signature(model, before))
    ascended = climb(tf.concat([x] * count, axis=0), *begins, seeds[0])
    tried = [Encoding(*parts) for parts in zip(*(tf.split(part, count) for part in ascended), strict=True)]
    num_draws = -(-CHOICE_SAMPLES // before.log_alpha.shape[-1])
    ratios = [log_ratios(model, x, at, seeds[1], num_draws) for at in (before, *tried)]
    terms = [weighted(ratio.of_mixture, at) for ratio, at in zip(ratios, (before, *tried), strict=True)]
    with np.errstate(invalid="ignore"):
        gains = np.stack([mean_and_error(after - terms[0]) for after in terms[1:]])  # [R, 2, B]
    gains[:, 0] = np.where(np.isfinite(gains[:, 0]), gains[:, 0], -np.inf)
    index, columns = gains[:, 0].argmax(axis=0), np.arange(len(x))
    best = Encoding(*(np.stack(parts)[index, columns] for parts in zip(*tried, strict=True)))
    params = np.concatenate([at.params for at in tried], axis=1)
    component_elbos = np.concatenate([ratio.of_component.mean(axis=0) for ratio in ratios[1:]], axis=-1)
    gain, error = gains[index, :, columns].T
    return Round(best, index, gain, error, params, component_elbos)


def _recombined(model, result: Round) -> Encoding | None:
    """Returns a start from components of all ascents; None for a single one, or for a flow that they share."""
    count = result.best.log_alpha.shape[-1]
    if count == 1 or model.posterior_family.num_shared:
        return None
    elbos = np.nan_to_num(result.component_elbos, nan=-np.inf).astype(np.float32)
    return recombined(model, tf.constant(result.params), tf.constant(np.maximum(elbos, objectives.LOG_ZERO)), count)


def weighted(values, encoding: Encoding) -> np.ndarray:
    """Returns the values times the mixing weights. Shape [S, B, K].

    Args:
        values: values at draws from each component. Shape [S, B, K].
        encoding: `Encoding` of the observations.
    """
    return np.exp(np.asarray(encoding.log_alpha, np.float64)) * values


def mean_and_error(terms) -> tuple[np.ndarray, np.ndarray]:
    """Returns a stratified mean over draws and its standard error.

    Args:
        terms: weighted terms of draws from each component. Shape [S, B, K].

    Returns:
        mean, standard_error: Shape [B] each.
    """
    return terms.mean(axis=0).sum(axis=-1), np.sqrt(terms.var(axis=0, ddof=1).sum(axis=-1) / len(terms))


# Graph code.


def _encoded(model, x, count: int, refined: bool) -> Encoding:
    params, log_alpha = model.encode(x) if refined else model.amortized(x)
    return Encoding(params[:, :count], tf.nn.log_softmax(log_alpha[:, :count]))


def _ascended(model, x, params, log_alpha, seed, *options) -> Encoding:
    local = local_optimum.local_posterior(model, Encoding(params, log_alpha))
    return local_optimum.encoding_of(model, local_optimum.climbed(model, x, *local, seed, *options))


def _log_ratios(model, x, params, log_alpha, seed, passes: int, chunk: int):
    log_joint = sums.LogJoint(model, x, Encoding(params, log_alpha))
    draw = log_joint.draws(chunk, log_alpha.shape[-1])

    def body(index):
        """Returns the log-ratios at the next `chunk` draws."""
        decoded, log_prior, log_mixture, log_q = draw(tf.random.fold_in(seed, index), 0)
        log_p = log_joint.log_lik(decoded) + log_prior
        return tf.stack([log_p - log_mixture, log_p - log_q])

    spec = tf.TensorSpec([2, chunk, None, log_alpha.shape[-1]], tf.float32)
    parts = tf.map_fn(body, tf.range(passes), parallel_iterations=1, fn_output_signature=spec)  # bounds the memory
    return tf.reshape(tf.transpose(parts, [1, 0, 2, 3, 4]), tf.concat([[2, passes * chunk], tf.shape(parts)[3:]], 0))


def _signature(model, encoding: Encoding) -> tuple:
    """Returns the types of observations, params, log weights and a seed, for batches of any size."""
    parts = [tf.TensorSpec([None, *part.shape[1:]], tf.float32) for part in encoding]
    return model.likelihood.spec(), *parts, tf.TensorSpec([2], tf.int32)
