"""The variational autoencoder with a mixture posterior: parts and forward pass."""

import keras
import tensorflow as tf

from rme_tf.core.argument_checks import checks_inputs
from rme_tf.core.forks import mark_used
from rme_tf.core.registry import OF_KERAS, argument_names, check_names
from rme_tf.core.seeds import as_seed
from rme_tf.core.types import Encoding, LogProbs
from rme_tf.core.validation import check_count
from rme_tf.generation.codes import codes_of, ends_of
from rme_tf.generation.interpolation import interpolate
from rme_tf.generation.sequences import check_image_choices, generate
from rme_tf.models import building, compatibility, missing_inputs, named_parts, passes, pseudo_inputs
from rme_tf.models.artifacts import ArtifactModel
from rme_tf.models.layer_options import check_layer_options
from rme_tf.models.stored_state import StoredModel
from rme_tf.models.training import TrainableModel
from rme_tf.networks import copies
from rme_tf.posteriors import MixturePosterior
from rme_tf.refinements import as_refinement


@keras.saving.register_keras_serializable("rme_tf")
class VAE(StoredModel, ArtifactModel, TrainableModel):
    """A VAE with a mixture posterior Q(z|x) = sum_m alpha_m(x) q_m(z|x).

    Each component has an encoder. The encoders may share a trunk: then the encoders and the mixing network read its
    features instead of x. Called on x [B, *event_shape], the model returns a dict of `weights` [B, M], `means` and
    `scales` [B, M, D]. `from_names` also builds the networks from names.

    Args:
        encoders: list of M Keras models [B, *event_shape] -> [B, P], all but the first without params that components
            share; or one model, whose weights all components start from, with a little noise on the trainable ones.
        decoder: Keras model [N, D] -> [N, *likelihood.params_shape].
        trunk: Keras model [B, *event_shape] -> features [B, ...], or None. Or a `networks.ComponentNetwork`, which
            computes the params of all components: then `encoders` is an empty list.
        posterior: a `PosteriorFamily`, or its name, for the size of the decoder's input; needed.
        likelihood: a `Likelihood`, or its name, for the shape of the encoders' input, or else of the decoder's output;
            needed.
        prior: a `Prior` or its name; None for the standard normal.
        mixing: a `Mixing` or its name, "uniform" (the default) or "learned".
        mixing_network: Keras model [B, *event_shape] -> [B, M-1]; needed when `mixing` is learned.
        num_components: number of components M; None for the length of the list of encoders.
        refinement: a `Refinement` or its name, or None. See `rme_tf.refinements`.
        seed: seed of the noise of training; None for one that follows `keras.utils.set_random_seed`.

    Raises:
        ValueError: if a part does not fit: component counts, output sizes, unknown names.
    """

    def __init__(
        self,
        encoders,
        decoder,
        *,
        trunk=None,
        posterior=None,
        likelihood=None,
        prior=None,
        mixing="uniform",
        mixing_network=None,
        num_components=None,
        refinement=None,
        seed=None,
        **kwargs,
    ):
        check_names(kwargs, argument_names(VAE) or (), "arguments of `VAE`", also={*OF_KERAS, "autocast"})
        check_layer_options(**kwargs)
        mark_used()
        super().__init__(**{"autocast": False, **kwargs})
        parts = building.parts_beside(
            {"encoders": encoders, "decoder": decoder, "trunk": trunk},
            {"posterior": posterior, "likelihood": likelihood, "prior": prior, "mixing": mixing},
        )
        self.posterior_family, self.likelihood = parts["posterior"], parts["likelihood"]
        self.prior, self.trunk = parts["prior"], trunk
        building.check_num_components(num_components)
        if isinstance(encoders, keras.Layer) and num_components and not self.likelihood.missing:
            compatibility.check_before_copies(self, encoders)
        self.encoders = building.as_encoders(encoders, num_components, trunk)
        self.decoder = decoder
        self.mixing = parts["mixing"]
        mixes = self.mixing.learned and self.num_components > 1
        self.mixing_network = mixing_network if mixes else None
        self.refinement = as_refinement(refinement, self.posterior_family.num_params)
        self._create_training_state(seed)
        missing_inputs.check_missing(self)
        compatibility.check_parts(self)
        if isinstance(encoders, keras.Layer):
            copies.spread(self.encoders, seed=int(self.seed_generator.state.numpy()[0]))
        self.likelihood.bind(decoder)
        if self.prior.uses_posterior:
            self.prior.bind(pseudo_inputs.inference_of(self))
        self.built = True  # as all its parts are

    from_names = classmethod(named_parts.from_names)

    @property
    def num_components(self) -> int:
        """Number of components M."""
        return len(self.encoders) or self.trunk.num_components

    @property
    def latent_dim(self) -> int:
        """Number of latent dimensions D."""
        return self.posterior_family.latent_dim

    @property
    def autoregressive(self) -> bool:
        """Whether p(x|z) is autoregressive: the decoder takes [z, x]."""
        return compatibility.is_autoregressive(self.decoder)

    @property
    def generative_variables(self) -> list:
        """The trainable variables theta of p(x, z): decoder, likelihood and prior."""
        parts = (self.decoder, self.likelihood, self.prior)
        return [variable for part in parts for variable in part.trainable_variables]

    @property
    def active_variables(self) -> list:
        """The trainable variables without inactive components of a warm start."""
        idle = list(self.encoders[self.active_components :])
        if self.mixing_network is not None and self.active_components == 1:
            idle.append(self.mixing_network)
        waiting = {id(variable) for network in idle for variable in network.trainable_variables}
        return [variable for variable in self.trainable_variables if id(variable) not in waiting]

    @checks_inputs
    def encode(self, x, *, seed=None, **options) -> Encoding:
        """Return the output of `amortized`, refined if the model has a refinement."""
        encoding = self.amortized(x, **options)
        return encoding if self.refinement is None else self.refinement.refine(self, x, encoding, seed)

    def amortized(self, x, *, num_components=None, training=False, mixing_moves_trunk=True, **options) -> Encoding:
        """Return params and log_alpha of the first K components, without refinement.

        Args:
            x: unchecked input of the networks, which may be pseudo-inputs of a prior. Shape [B, *event_shape].
            num_components: number of components K, whose mixture is Q_{K-1}. None for all M, where components that a
                warm start leaves out have weight zero.
            training: whether the networks are in training mode.
            mixing_moves_trunk: whether the gradient of log_alpha reaches the trunk.
            **options: further arguments of `networks.component_params`, `read` and `merged`.
        """
        return passes.encoded(self, x, num_components, training, mixing_moves_trunk=mixing_moves_trunk, **options)

    amortised = amortized  # the British spelling of earlier releases

    @checks_inputs
    def infer(self, x, *, seed=None, **options) -> MixturePosterior:
        """Return the posterior Q(z|x) of a batch.

        Args:
            x: observations. Shape [B, *event_shape].
            seed: seed of the refinement's noise, an integer or of shape [2]; None for the same noise at each call.
            **options: further arguments of `amortized`.
        """
        return self.posterior_of(self.encode(x, seed=seed, **options))

    def posterior_of(self, encoding) -> MixturePosterior:
        """Returns the posterior with the params and the weights of an `Encoding`."""
        return MixturePosterior(self.posterior_family, encoding.params, encoding.log_alpha)

    @checks_inputs
    def posterior(self, x):
        """Returns `infer(x).distribution()`: a TFP distribution, batch [B], event [D]."""
        return self.infer(x).distribution()

    @checks_inputs(lead=True)
    def likelihood_params(self, z, x=None, *, training=False):
        """Returns the decoder's outputs [..., *params_shape].

        Args:
            z: latent codes. Shape [..., D].
            x: input of an autoregressive decoder; broadcasts against z. Shape [..., *event_shape].
            training: whether the decoder is in training mode.

        Raises:
            ValueError: if the decoder is autoregressive and there is no x.
        """
        if self.autoregressive and x is None:
            raise ValueError("An autoregressive decoder needs `x` beside z; `render(z)` generates one. Received: None.")
        return passes.decoded(self, z, x, training)

    @checks_inputs(lead=True)
    def decode(self, z, x=None, *, training=False):
        """Returns p(x|z) [...]; the arguments are described in `likelihood_params`."""
        return self.likelihood.distribution(self.likelihood_params(z, x, training=training))

    @checks_inputs
    def log_joint(self, x, z, *, training=False, prior=None):
        """Returns log p(x|z) and log p(z), both [S, B, K], in nats.

        x [B, ...] are observations and z [S, B, K, D] latent codes. `prior` is a distribution that replaces p(z), for
        instance `self.prior.held()`.
        """
        x = self.likelihood.cast(x)[:, tf.newaxis]  # against [S, B, K]
        log_lik = self.likelihood.log_prob(self.likelihood_params(z, x, training=training), x)
        prior = self.prior.distribution() if prior is None else prior
        return log_lik, prior.log_prob(z)

    @checks_inputs
    def log_probs(self, x, *, num_samples=1, seed, num_components=None, training=False) -> LogProbs:
        """Return the `LogProbs` of S samples from each component, differentiable throughout.

        Args:
            x: observations. Shape [B, *event_shape].
            num_samples: number of samples S.
            seed: an integer, or a stateless seed of shape [2].
            num_components: number of components K, see `amortized`.
            training: whether the networks are in training mode.
        """
        q = self.infer(x, num_components=num_components, training=training)
        return self.log_probs_at(x, q, *q.sample_with_log_probs(num_samples, seed), training=training)

    @checks_inputs
    def log_probs_at(self, x, encoding, z, log_q_all=None, *, training=False) -> LogProbs:
        """Returns the `LogProbs` of draws z [S, B, K, D] from each component.

        The encoding may be a `MixturePosterior`; `log_q_all` are the densities log q_j(z_m) [S, B, K, K], if known.
        """
        log_lik, log_prior = self.log_joint(x, z, training=training)
        if log_q_all is None:
            log_q_all = self.posterior_of(encoding).component_log_probs(z)
        return LogProbs(log_lik, log_prior, log_q_all, encoding.log_alpha)

    @checks_inputs
    def call(self, x, training=False):
        """Returns a dict of `weights` [B, M], `means` [B, M, D], `scales` [B, M, D]."""
        return self.infer(x, training=training).moments()

    @checks_inputs
    def render(self, z, seed=(0, 0), **choices):
        """Return observations for codes z [N, D]: the mean of p(x|z) [N, *event_shape].

        An autoregressive decoder draws an image [N, H, W, C] or a sequence [N, T].

        Args:
            z: latent codes.
            seed: seed of the draws: an integer, of shape [2], or None for other draws at each call.
            **choices: options of `generation.generate`, for an autoregressive decoder.

        Raises:
            ValueError: for codes of another size, or choices that the decoder does not have.
        """
        if self.autoregressive:
            return generate(self, z, seed=seed, **choices)
        check_image_choices(choices)
        return self.decode(z).mean()

    @checks_inputs
    def codes(self, x, which=None, seed=None):
        """Returns latent codes z [B, D] of x [B, *event_shape].

        `which`: the "mean" of Q(z|x), the default; "heaviest", the mean of its heaviest component; "components", the
        means of all [B, M, D]; or "draw", by a `seed`, an integer or of shape [2]. See `codes.codes_of`.
        """
        return codes_of(self, x, which, seed)

    @checks_inputs
    def reconstruct(self, x, seed=(0, 0), **choices):
        """Returns `render(z)` for one z of each x [B, *event_shape], drawn from Q(z|x)."""
        seed = as_seed(seed)
        mean = self.render(self.infer(x).sample(seed=seed), tf.random.fold_in(seed, 1), **choices)
        return self.likelihood.as_observed(mean, x)

    @checks_inputs
    def interpolate(self, x_first, x_second, *, steps: int = 8, draw=False, which=None, seed=(0, 0), **choices):
        """Return `render(z)` [B, steps, ...] for codes between pairs of observations.

        Args:
            x_first: observations at the first ends. Shape [B, *event_shape].
            x_second: observations at the second ends; sentences may have another T. Shape [B, *event_shape].
            steps: number of codes on a line, including both ends.
            draw: whether the ends are drawn from Q(z|x).
            which: kind of the ends, as in `codes`; "components" has lines [B, M, steps, ...], from each to the same.
            seed: seed of the draws, as in `render`.
            **choices: options of `render`.
        """
        seed = as_seed(seed)
        ends = ends_of(self, x_first, x_second, which=which, draw=draw, seed=seed)
        return interpolate(self, *ends, steps=steps, seed=tf.random.fold_in(seed, 2), **choices)

    @checks_inputs
    def sample(self, num_samples: int, seed=(0, 0), **choices):
        """Returns `render(z)` for `num_samples` draws from the prior."""
        seed = as_seed(seed)
        check_count("num_samples", num_samples)
        z = self.prior.distribution().sample(num_samples, seed=seed)
        return self.render(z, tf.random.fold_in(seed, 1), **choices)
