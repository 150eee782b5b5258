"""The variational autoencoder whose posterior is a mixture: its weights and its forward maths."""

import keras
import tensorflow as tf

from rme_tf import likelihoods, objectives, posteriors, priors
from rme_tf.building import as_encoders, build_networks, check_output
from rme_tf.registry import instantiate
from rme_tf.training import TrainableModel
from rme_tf.types import Encoding, LogProbs


@keras.saving.register_keras_serializable("rme_tf")
class VAE(TrainableModel):
    """A VAE with posterior Q(z|x) = sum_m alpha_m(x) q_m(z|x), one encoder for each component.

    Called on x [B, *event_shape] it returns what it infers: a dict of `weights` [B, M], `means` and
    `scales` [B, M, D]. `from_names` builds one from names; here the parts are given as objects.

    Args:
        encoders: list of M Keras models [B, *event_shape] -> [B, P]; or one, of which
            `num_components` fresh copies are made.
        decoder: Keras model [N, D] -> [N, *likelihood.params_shape].
        posterior: a `PosteriorFamily`.
        likelihood: a `Likelihood`.
        prior: a `Prior`, standard normal unless given.
        mixing: a `Mixing` or its name, "uniform" (the default) or "learned".
        mixing_network: Keras model [B, *event_shape] -> [B, M-1]; needed when `mixing` is learned.
        num_components: M; read off the list of encoders unless given.
        seed: of the noise of training. None draws one (reproducible after `keras.utils.set_random_seed`).

    Raises:
        ValueError: if a part does not fit: component counts, output sizes, unknown names.
    """

    def __init__(
        self,
        encoders,
        decoder,
        *,
        posterior,
        likelihood,
        prior=None,
        mixing="uniform",
        mixing_network=None,
        num_components=None,
        seed=None,
        **kwargs,
    ):
        super().__init__(**{"autocast": False, **kwargs})
        self.posterior_family = posterior
        self.likelihood = likelihood
        self.prior = prior or priors.StandardNormal(posterior.latent_dim)
        self.encoders = as_encoders(encoders, num_components)
        self.decoder = decoder
        self.mixing = instantiate(posteriors.MIXINGS, mixing, "mixing")
        mixes = self.mixing.learned and len(self.encoders) > 1
        self.mixing_network = mixing_network if mixes else None
        self._create_training_state(seed)
        self._check_parts()
        self(tf.zeros([1, *likelihood.event_shape]))

    @classmethod
    def from_names(
        cls,
        *,
        encoder="conv",
        decoder="conv",
        input_shape,
        latent_dim,
        num_components=1,
        posterior="diag_normal",
        likelihood="bernoulli",
        prior="standard_normal",
        mixing="uniform",
        encoder_options=None,
        decoder_options=None,
        **kwargs,
    ):
        """Returns a VAE built from the names in the library's tables; a Keras model may stand for a network's name.

        Args:
            encoder: a name in `networks.ENCODERS`, a Keras model, or a list of M of them.
            decoder: a name in `networks.DECODERS`, or a Keras model.
            input_shape: shape of one observation.
            latent_dim: D.
            num_components: M.
            posterior: a name in `posteriors.POSTERIORS`, or a `PosteriorFamily`.
            likelihood: a name in `likelihoods.LIKELIHOODS`, or a `Likelihood`.
            prior: a name in `priors.PRIORS`, or a `Prior`.
            mixing: a name in `posteriors.MIXINGS`, or a `Mixing`.
            encoder_options: dict of further arguments of the encoder's builder.
            decoder_options: dict of further arguments of the decoder's builder.
            **kwargs: further arguments of `VAE`.

        Raises:
            ValueError: for unknown names (the message lists the choices) and parts that do not fit.
        """
        if num_components < 1:
            raise ValueError(f"`num_components` must be at least 1. Received: {num_components}.")
        posterior = instantiate(posteriors.POSTERIORS, posterior, "posterior", latent_dim=latent_dim)
        likelihood = instantiate(likelihoods.LIKELIHOODS, likelihood, "likelihood", event_shape=input_shape)
        prior = instantiate(priors.PRIORS, prior, "prior", latent_dim=latent_dim)
        mixing = instantiate(posteriors.MIXINGS, mixing, "mixing")
        networks = build_networks(
            encoder,
            decoder,
            posterior=posterior,
            likelihood=likelihood,
            num_components=num_components,
            mixing=mixing,
            encoder_options=encoder_options or {},
            decoder_options=decoder_options or {},
        )
        parts = {"posterior": posterior, "likelihood": likelihood, "prior": prior, "mixing": mixing}
        return cls(**{**networks, **parts, "num_components": num_components, **kwargs})

    def _check_parts(self):
        dummy = tf.zeros([1, *self.likelihood.event_shape])
        for m, encoder in enumerate(self.encoders):
            check_output(encoder, dummy, (self.posterior_family.num_params,), f"encoder {m}")
        latent = tf.zeros([1, self.posterior_family.latent_dim])
        check_output(self.decoder, latent, self.likelihood.params_shape, "decoder")
        if self.prior.latent_dim != self.posterior_family.latent_dim:
            raise ValueError(
                f"Prior and posterior must agree in `latent_dim`. Expected {self.posterior_family.latent_dim}. "
                f"Received: {self.prior.latent_dim}."
            )
        if not self.mixing.learned or self.num_components == 1:
            return
        if self.mixing_network is None:
            raise ValueError("Learned mixing weights need a `mixing_network` [B, ...] -> [B, M-1]. Received: None.")
        check_output(self.mixing_network, dummy, (self.num_components - 1,), "mixing network")

    @property
    def num_components(self) -> int:
        """M."""
        return len(self.encoders)

    @property
    def latent_dim(self) -> int:
        """D."""
        return self.posterior_family.latent_dim

    @property
    def generative_variables(self) -> list:
        """The trainable variables theta of p(x, z): decoder, likelihood and prior."""
        parts = (self.decoder, self.likelihood, self.prior)
        return [variable for part in parts for variable in part.trainable_variables]

    # Forward maths.

    def encode(self, x, *, num_components=None, training=False) -> Encoding:
        """Returns params [B, K, P] and log_alpha [B, K] of the first K components.

        Args:
            x: Shape [B, *event_shape].
            num_components: K, whose mixture is Q_{K-1}. None means all M, where those that have not
                joined yet (during a warm start) have weight zero.
            training: as in Keras.
        """
        count = num_components or self.num_components
        outputs = [encoder(x, training=training) for encoder in self.encoders[:count]]
        params = tf.stack([tf.cast(output, tf.float32) for output in outputs], axis=1)
        if self.mixing_network is not None and count > 1:
            logits = tf.cast(self.mixing_network(x, training=training), tf.float32)[:, : count - 1]
        else:
            logits = tf.zeros([tf.shape(x)[0], count - 1])
        log_alpha = self.mixing.log_alpha(logits)
        if num_components is None:
            joined = tf.range(count) < self.num_active.value
            log_alpha = tf.nn.log_softmax(tf.where(joined, log_alpha, objectives.LOG_ZERO))
        return Encoding(params, log_alpha)

    def posterior(self, x):
        """Returns Q(z|x), a `tfd.MixtureSameFamily` with batch [B] and event [D], for x [B, *event_shape]."""
        return posteriors.mixture_distribution(self.posterior_family, self.encode(tf.cast(x, tf.float32)))

    def sample_components(self, params, num_samples: int, seed):
        """Returns S reparameterised draws z [S, B, K, D] from each component, for params [B, K, P]."""
        return posteriors.sample_components(self.posterior_family, params, num_samples, seed)

    def component_log_probs(self, params, z):
        """Returns log q_j(z_m) [S, B, K, M], in nats, for params [B, M, P] and z [S, B, K, D]."""
        return posteriors.component_log_probs(self.posterior_family, params, z)

    def decode(self, z, *, training=False):
        """Returns p(x|z), batch [...], event `event_shape`, for z [..., D]."""
        lead = tf.shape(z)[:-1]
        outputs = self.decoder(tf.reshape(z, [-1, self.latent_dim]), training=training)
        shape = tf.concat([lead, self.likelihood.params_shape], axis=0)
        return self.likelihood.distribution(tf.reshape(tf.cast(outputs, tf.float32), shape))

    def log_joint(self, x, z, *, training=False):
        """Returns log p(x|z) and log p(z), each [S, B, K] and in nats, for x [B, ...] and z [S, B, K, D]."""
        log_lik = self.decode(z, training=training).log_prob(tf.cast(x, tf.float32)[:, tf.newaxis])
        return log_lik, self.prior.distribution().log_prob(z)

    def log_probs(self, x, *, num_samples=1, seed, num_components=None, training=False) -> LogProbs:
        """Draws S samples from each component and returns their `LogProbs`; differentiable throughout.

        Args:
            x: Shape [B, *event_shape].
            num_samples: S.
            seed: stateless seed, shape [2].
            num_components: see `encode`.
            training: as in Keras.
        """
        encoding = self.encode(x, num_components=num_components, training=training)
        z = self.sample_components(encoding.params, num_samples, seed)
        log_lik, log_prior = self.log_joint(x, z, training=training)
        return LogProbs(log_lik, log_prior, self.component_log_probs(encoding.params, z), encoding.log_alpha)

    def call(self, x, training=False):
        """Returns the dict `weights` [B, M], `means` [B, M, D], `scales` [B, M, D] for x [B, *event_shape]."""
        encoding = self.encode(x, training=training)
        components = self.posterior_family.distribution(encoding.params)
        weights = tf.exp(encoding.log_alpha)
        return {"weights": weights, "means": components.mean(), "scales": components.stddev()}

    def reconstruct(self, x, seed=(0, 0)):
        """Returns E[x'|z], shape [B, *event_shape], for one z drawn from Q(z|x)."""
        return self.decode(self.posterior(x).sample(seed=seed)).mean()

    def sample(self, num_samples: int, seed=(0, 0)):
        """Returns E[x|z], shape [num_samples, *event_shape], for z drawn from the prior."""
        return self.decode(self.prior.distribution().sample(num_samples, seed=seed)).mean()

    def get_config(self):
        """Returns the parts, serialised, so that `keras.saving.load_model` rebuilds the model."""
        parts = ("decoder", "likelihood", "prior", "mixing", "mixing_network")
        config = {name: keras.saving.serialize_keras_object(getattr(self, name)) for name in parts}
        config["posterior"] = keras.saving.serialize_keras_object(self.posterior_family)
        config["encoders"] = [keras.saving.serialize_keras_object(encoder) for encoder in self.encoders]
        return {**super().get_config(), **config}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """Returns the model that `get_config` described, with new weights."""
        parts = {
            name: keras.saving.deserialize_keras_object(value, custom_objects=custom_objects)
            for name, value in config.items()
        }
        return cls(**parts)
