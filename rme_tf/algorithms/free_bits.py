"""Free bits: a floor under the KL term in training."""

import dataclasses

import keras
import tensorflow as tf

from rme_tf.core import replicas
from rme_tf.core.serializable import Configured
from rme_tf.core.validation import check_count, check_number, optional
from rme_tf.posteriors import as_draws


@keras.saving.register_keras_serializable("rme_tf")
@dataclasses.dataclass(frozen=True)
class FreeBits(Configured):
    """Floor under each component's KL(q_m || p) in training, by groups of latent dimensions.

    The KL is replaced by sum_g max(nats, mean_x KL_g) over groups g of latent dimensions, with the mean over the
    minibatch, or over its observations that drew the component. The objective of component m is then

        E_q[log p(x|z)] - sum_g max(nats, mean_x E_q[log q_m(z_g|x) - log p(z_g)])

    Args:
        nats: the floor under each group's KL: the target rate is `nats` times the number of groups. Not negative.
        groups: number of groups into which the D dimensions are cut. None makes every latent dimension a group (the
            family and the prior must be independent over them), 1 makes one group of all.

    Raises:
        ValueError: if a number is out of range.

    References:
        Kingma et al. (2016), https://arxiv.org/abs/1606.04934; target rate: Li et al. (2019),
        https://arxiv.org/abs/1909.00868
    """

    nats: float
    _: dataclasses.KW_ONLY
    groups: int | None = None

    def __post_init__(self):
        check_number("nats", self.nats, least=0.0)
        optional(check_count, "groups", self.groups)

    def kl_below_floor(self, model, params, z, drawn=None):
        """Returns the KL of each component below the floor, in nats, [B, K].

        KL(q_m || p) minus it has the gradient of the floored sum, so training adds it to the bound.

        Args:
            model: `VAE` in training.
            params: params of the components. Shape [B, K, P].
            z: draws from each component, a tensor or `Draws`. Shape [S, B, K, D].
            drawn: `ComponentDraws` if the K components differ between the observations.

        Raises:
            ValueError: if the family or the prior is not independent over dimensions and `groups` is not 1, or if the
                number of groups does not divide D.
        """
        draws = as_draws(z)
        if self.groups == 1:
            log_q = model.posterior_family.log_prob_of_draws(params, draws)
            kl = (log_q - model.prior.distribution().log_prob(draws.z))[..., tf.newaxis]
        else:
            kl = self._grouped(model, params, draws.z)
        kl = tf.reduce_mean(kl, axis=0)  # samples  [B, K, G]
        held = tf.stop_gradient(kl)
        means = replicas.mean_over_rows(held) if drawn is None else drawn.means_over_batch(held)  # batch
        below = means < self.nats  # [K, G], or [B, K, G]
        return tf.reduce_sum(tf.where(below, kl, 0.0), axis=-1)  # groups

    refund = kl_below_floor  # its former name

    def _grouped(self, model, params, z):
        q, p = model.posterior_family.marginals(params), model.prior.marginals()
        if q is None or p is None:
            part = model.posterior_family if q is None else model.prior
            raise ValueError(
                "Free bits in groups need a posterior family and a prior that are independent over latent dimensions. "
                f"Received: {type(part).__name__}. Pass `groups=1` (--algorithm.free-bits.groups 1 to a recipe)."
            )
        kl = q.log_prob(z) - p.log_prob(z)  # [S, B, K, D]
        groups = self.groups or model.latent_dim
        if model.latent_dim % groups:
            raise ValueError(f"`groups` must divide the latent dimensions. Received: {groups} of {model.latent_dim}.")
        shape = tf.concat([tf.shape(kl)[:-1], [groups, model.latent_dim // groups]], axis=0)
        return tf.reduce_sum(tf.reshape(kl, shape), axis=-1)
