"""Starts of the search for the best posterior of each observation.

Graph code. Letters: R starts, B observations, K components in use, P params, N candidates.
"""

import tensorflow as tf

from rme_tf.core.types import Encoding
from rme_tf.evaluation.gaps.local_optimum import LocalPosterior, encoding_of, local_posterior
from rme_tf.posteriors import MixturePosterior
from rme_tf.refinements.gradient import tied

JITTER = 0.5  # standard deviation of the noise on params at a start near the encoder's output
NUM_CANDIDATES = 64  # codes from Q, and as many from the prior, among which the resampled start chooses
NO_DISTANCE = 1e-30  # squared, of a code from itself: keeps the log finite


def starts(model, x, params, log_alpha, seed, num_starts: int) -> Encoding:
    """Returns R starts of each observation: row r B + b.

    The first is the encoder's output. The others are, in turn: its params with noise; its shapes at the codes of
    `resampled`; and params of zero with means from the prior. The weights are uniform in the last two, if they are
    learned.

    Args:
        model: `VAE` with the networks.
        x: observations. Shape [B, *event_shape].
        params: params of the encoder's output. Shape [B, K, P].
        log_alpha: log mixing weights of the encoder's output. Shape [B, K].
        seed: stateless seed. Shape [2].
        num_starts: number of starts R.
    """
    kinds = (_jittered, _resampled, _from_prior)
    parts = [first := local_posterior(model, Encoding(params, log_alpha))]
    for index in range(num_starts - 1):
        parts.append(kinds[index % len(kinds)](model, x, first, tf.random.fold_in(seed, index)))
    params, logits = (tf.concat(part, axis=0) for part in zip(*parts, strict=True))
    return encoding_of(model, LocalPosterior(tied(params, model.posterior_family.num_shared, tf.reduce_mean), logits))


def _jittered(model, x, first: LocalPosterior, seed) -> LocalPosterior:
    del x
    noise = [
        JITTER * tf.random.stateless_normal(tf.shape(part), tf.random.fold_in(seed, index))
        for index, part in enumerate(first)
    ]
    return LocalPosterior(first.params + noise[0], first.logits + noise[1] if model.mixing.learned else first.logits)


def _resampled(model, x, first: LocalPosterior, seed) -> LocalPosterior:
    means = _placed(model, resampled(model, x, encoding_of(model, first), seed), seed)
    params = tf.concat([means, first.params[..., means.shape[-1] :]], axis=-1)
    return LocalPosterior(params, tf.zeros_like(first.logits))


def _from_prior(model, x, first: LocalPosterior, seed) -> LocalPosterior:
    del x
    codes = model.prior.distribution().sample(tf.shape(first.params)[:2], seed=seed)  # [B, K, D]
    means = _placed(model, codes, seed)
    params = tf.concat([means, tf.zeros_like(first.params[..., means.shape[-1] :])], axis=-1)
    return LocalPosterior(params, tf.zeros_like(first.logits))


def _placed(model, codes, seed):
    """Returns location params for codes [B, K, D]: noise for a family that has others than D means."""
    family = model.posterior_family
    if family.num_means == family.latent_dim:
        return codes
    shape = tf.concat([tf.shape(codes)[:-1], [family.num_means]], axis=0)
    return tf.ensure_shape(tf.random.stateless_normal(shape, seed), [*codes.shape[:-1], family.num_means])


def resampled(model, x, encoding: Encoding, seed):
    """Returns K codes of each observation, drawn by weight.

    They are apart from each other, see `apart`. The candidates are draws from Q and from the prior, weighted by p(x, z)
    over their mean density.

    Args:
        model: `VAE` with the networks.
        x: observations. Shape [B, *event_shape].
        encoding: `Encoding` of the observations.
        seed: stateless seed. Shape [2].

    Returns:
        codes: Shape [B, K, D].
    """
    q, prior = MixturePosterior(model.posterior_family, *encoding), model.prior.distribution()
    from_q = q.sample(NUM_CANDIDATES, tf.random.fold_in(seed, 0))
    from_prior = prior.sample([NUM_CANDIDATES, tf.shape(encoding.params)[0]], seed=tf.random.fold_in(seed, 1))
    z = tf.concat([from_q, from_prior], axis=0)  # [N, B, D]
    log_lik, log_prior = (values[..., 0] for values in model.log_joint(x, z[:, :, tf.newaxis], prior=prior))
    log_weights = log_lik + log_prior - tf.reduce_logsumexp(tf.stack([log_prior, q.log_prob(z)]), axis=0)
    uniform = tf.random.stateless_uniform(tf.shape(log_weights), tf.random.fold_in(seed, 2), minval=1e-30)
    scores = log_weights - tf.math.log(-tf.math.log(uniform))  # Gumbel noise: the largest is drawn by weight
    codes = tf.transpose(z, [1, 0, 2])
    return tf.gather(codes, apart(codes, tf.transpose(scores), encoding.log_alpha.shape[-1]), batch_dims=1)


def recombined(model, params, elbos, count: int) -> Encoding:
    """Returns a mixture of components from several ascents.

    The components have a large ELBO and are apart from each other, see `apart`. Components of one ascent may have come
    to the same mode, and components of other ascents to the modes that it lacks. The weights are uniform, if they are
    learned.

    Args:
        model: `VAE` with the posterior family.
        params: params of the components of all ascents. Shape [B, N, P].
        elbos: ELBO(q_m) of each component, in nats. Shape [B, N].
        count: number of components K of the mixture.
    """
    means = model.posterior_family.moments(params)[0]
    params = tf.gather(params, apart(means, elbos, count), batch_dims=1)
    return encoding_of(model, LocalPosterior(params, tf.zeros_like(params[:, 1:, 0])))


def apart(codes, scores, count: int):
    """Returns the indices of codes with large scores, far from each other.

    The first has the largest score; each other one the largest score plus log of the squared distance from the nearest
    code before it, as k-means++ draws its centers.

    Args:
        codes: Shape [B, N, D].
        scores: log weights of the codes, in nats. Shape [B, N].
        count: number of indices.

    Returns:
        indices: Shape [B, count].

    References:
        Arthur and Vassilvitskii (2007), k-means++: the advantages of careful seeding
    """
    chosen, nearest = [], tf.ones_like(scores)
    for index in range(count):
        chosen.append(tf.argmax(scores + tf.math.log(nearest + NO_DISTANCE), axis=-1))
        at = tf.gather(codes, chosen[-1][:, tf.newaxis], batch_dims=1)  # [B, 1, D]
        distance = tf.reduce_sum(tf.math.squared_difference(codes, at), axis=-1)
        nearest = distance if index == 0 else tf.minimum(nearest, distance)
    return tf.stack(chosen, axis=-1)
