"""The mixture posterior Q(z|x) of a batch of observations."""

import tensorflow as tf

from rme_tf.core.argument_checks import checks_inputs
from rme_tf.core.seeds import as_seed
from rme_tf.core.validation import check_count
from rme_tf.posteriors.draws import Draws


class MixturePosterior:
    """Q(z|x) = sum_m alpha_m(x) q_m(z|x) for each observation x of a batch.

    `VAE.infer` returns one. It holds float32 tensors, eager or of one graph; a `tf.function` can return `params` and
    `log_alpha`, not the object. Everything is differentiable in both, except that a draw from Q passes no gradient to
    the weights: training draws from each component (`sample_components`).

    A seed is an integer n, which stands for the stateless seed [n, 0], a stateless seed of shape [2], or None, for
    other numbers at each call.

    Args:
        family: `PosteriorFamily` of the components.
        params: params of the components. Shape [B, M, P].
        log_alpha: log mixing weights. Shape [B, M].
    """

    def __init__(self, family, params, log_alpha):
        self.family, self.params, self.log_alpha = family, params, log_alpha

    @property
    def num_components(self) -> int:
        """M."""
        return self.params.shape[1]

    @property
    def latent_dim(self) -> int:
        """D."""
        return self.family.latent_dim

    @property
    def weights(self):
        """Mixing weights alpha. Shape [B, M]."""
        return tf.exp(self.log_alpha)

    @property
    def components(self) -> list:
        """The M components q_m, each a `tfd.Distribution` with batch [B], event [D]."""
        return [self.family.distribution(self.params[:, m]) for m in range(self.num_components)]

    def distribution(self):
        """Returns Q(z|x) as a TFP distribution, batch [B], event [D].

        It is a `tfd.MixtureSameFamily`, or its transform by a flow that the components share.
        """
        return self.family.mixture(self.log_alpha, self.params)

    def params_held(self):
        """Returns the posterior with params through which no gradient passes."""
        return MixturePosterior(self.family, tf.stop_gradient(self.params), self.log_alpha)

    # Of the mixture.

    def sample(self, num_samples: int | None = None, seed=None):
        """Returns draws from Q(z|x).

        Args:
            num_samples: S; None for one draw without an axis of samples.
            seed: see `MixturePosterior`.

        Returns:
            z: Shape [S, B, D], or [B, D].

        Raises:
            ValueError: for a `num_samples` that is not an integer of at least 1.
        """
        _check_num_samples(num_samples)
        return self.distribution().sample(() if num_samples is None else num_samples, seed=as_seed(seed))

    @checks_inputs
    def log_prob(self, z):
        """Returns log Q(z|x), in nats. Shape [..., B].

        Args:
            z: codes of each observation. Shape [..., B, D].

        Raises:
            ValueError: for codes of another size, or that are not finite.
        """
        size, batch = (z.shape[-2] if len(z.shape) > 1 else 1), self.params.shape[0]
        if size not in (1, None, batch) and batch is not None:
            raise ValueError(f"`z` must be codes of {batch} observations, [..., {batch}, D]. Received: {z.shape}.")
        log_q = self.family.component_log_probs(self.params, z)  # [..., B, M]
        return tf.reduce_logsumexp(self.log_alpha + log_q, axis=-1)  # components

    def mean(self):
        """Returns the mean of Q(z|x). Shape [B, D]."""
        return tf.einsum("bm,bmd->bd", self.weights, self.family.moments(self.params)[0])

    def stddev(self):
        """Returns the standard deviation of Q(z|x) in each dimension. Shape [B, D]."""
        means, stddevs = self.family.moments(self.params)
        apart = means - tf.einsum("bm,bmd->bd", self.weights, means)[:, tf.newaxis]
        return tf.sqrt(tf.einsum("bm,bmd->bd", self.weights, stddevs**2 + apart**2))

    # Of the components.

    def moments(self) -> dict:
        """Returns `weights` [B, M], and `means` and `scales` [B, M, D] of the components.

        Scales are standard deviations, whatever the family.
        """
        means, stddevs = self.family.moments(self.params)
        return {"weights": self.weights, "means": means, "scales": stddevs}

    def draw(self, num_samples: int, seed=None, *, first=0, count: int | None = None) -> Draws:
        """Returns reparameterized draws from each component, for `own_log_probs` and `log_probs_of`.

        The noise of component m depends on `seed` and m alone, not on the number of components.

        Args:
            num_samples: S, number of draws.
            seed: see `MixturePosterior`.
            first: m of the first component that draws, an integer or a scalar tensor.
            count: K, the number of components that draw; None for all from `first` on, which is then an integer.

        Raises:
            ValueError: for a `num_samples` that is not an integer of at least 1.
        """
        _check_num_samples(num_samples, optional=False)
        params, seed = self._drawing(first, count), as_seed(seed)
        seeds = [tf.random.fold_in(seed, first + k) for k in range(params.shape[1])]
        return self.family.draw_components(params, num_samples, seeds)

    def sample_components(self, num_samples: int, seed=None, *, first=0, count: int | None = None):
        """Returns the codes of `draw`, whose arguments it takes. Shape [S, B, K, D]."""
        return self.draw(num_samples, seed, first=first, count=count).z

    def own_log_probs(self, draws: Draws):
        """Returns log q_m(z_m) of the components that drew, in nats. Shape [S, B, M].

        Args:
            draws: the result of `draw` by all components of this posterior.
        """
        return self.family.log_prob_of_draws(self.params, draws)

    def log_probs_of(self, draws: Draws):
        """Returns log q_j(z_m) of every component j at draws. Shape [S, B, K, M].

        Args:
            draws: the result of `draw` for the same observations, which may be by other components: a transform that
                the components share is not inverted.
        """
        return self.family.log_prob_of_draws(self.params[:, tf.newaxis], draws.for_each_component())

    @checks_inputs
    def component_log_probs(self, z):
        """Returns log q_j(z_m) of every component j. Shape [S, B, K, M].

        Args:
            z: codes of K components that drew. Shape [S, B, K, D].

        Raises:
            ValueError: for codes of another size, or that are not finite.
        """
        return self.family.component_log_probs(self.params[:, tf.newaxis], z)  # of params [B, 1, M, P]

    def draw_with_log_probs(self, num_samples: int, seed=None, *, first=0, count: int | None = None) -> tuple:
        """Returns draws from each component and the densities of all components there.

        With a single component, or a flow that the components share, no flow is inverted.

        Args:
            num_samples: S, number of draws.
            seed: see `MixturePosterior`.
            first: see `draw`.
            count: see `draw`.

        Returns:
            draws: the result of `draw`.
            log_q_all: log q_j(z_m), in nats. Shape [S, B, K, M].

        Raises:
            ValueError: for a `num_samples` that is not an integer of at least 1.
        """
        _check_num_samples(num_samples, optional=False)
        if self.num_components > 1 or self.family.num_shared:
            draws = self.draw(num_samples, seed, first=first, count=count)
            return draws, self.log_probs_of(draws)
        seed = tf.random.fold_in(as_seed(seed), 0)
        z, log_q = self.family.sample_and_log_prob(self.params[:, 0], num_samples, seed)
        return Draws(z[:, :, tf.newaxis]), log_q[:, :, tf.newaxis, tf.newaxis]

    def sample_with_log_probs(self, num_samples: int, seed=None, *, first=0, count: int | None = None) -> tuple:
        """Returns the codes z [S, B, K, D] and the densities of `draw_with_log_probs`."""
        draws, log_q_all = self.draw_with_log_probs(num_samples, seed, first=first, count=count)
        return draws.z, log_q_all

    def _drawing(self, first, count: int | None):
        """Returns the params [B, K, P] of the components that draw."""
        if count is not None and count < self.num_components:
            return tf.gather(self.params, first + tf.range(count), axis=1)
        return self.params[:, first:] if isinstance(first, int) and first > 0 else self.params

    def __repr__(self):
        sizes = f"B={self.params.shape[0]}, M={self.num_components}, D={self.latent_dim}"
        return f"<MixturePosterior of {type(self.family).__name__}: {sizes}>"


def _check_num_samples(num_samples, *, optional: bool = True) -> None:
    """Checks a number of draws; the value of a tensor may be unknown, and None may be one draw."""
    if not tf.is_tensor(num_samples) and not (optional and num_samples is None):
        check_count("num_samples", num_samples)
