"""The evidence lower bound: the plain VAE for one component, the mixture encoder (ME) for several."""

import dataclasses
from typing import ClassVar

import keras
import tensorflow as tf

from rme_tf import objectives
from rme_tf.algorithms.base import Algorithm, ascend


@keras.saving.register_keras_serializable("rme_tf")
@dataclasses.dataclass(frozen=True, kw_only=True)
class ELBO(Algorithm):
    """All parameters ascend ELBO(Q), stratified over the components.

    With one component this is the VAE. With several it is the mixture encoder, the baseline that ascends
    the evaluated bound itself; with learned weights it is known to collapse to one component.

    If the model has a refinement, that says at which params each network ascends it: see `rme_tf.refinements`.

    References:
        Kingma and Welling (2014), https://arxiv.org/abs/1312.6114
        Morningstar et al. (2021), https://arxiv.org/abs/2003.01687
    """

    refines: ClassVar[bool] = True

    def step(self, model, x, seed):
        """Moves every weight one step up ELBO(Q); returns `LogProbs`."""
        kl_weight = self.kl_weight_now(model)

        def bound_at(encoding):
            """Returns ELBO(Q) and the `LogProbs`."""
            z, log_q_all = model.sample_with_log_probs(encoding.params, self.num_samples, seed)
            log_probs = model.log_probs_at(x, encoding, z, log_q_all, training=True)
            log_alpha = log_probs.log_alpha
            log_density = kl_weight * objectives.log_mixture(log_alpha[:, tf.newaxis], log_probs.log_q_all)
            log_joint = log_probs.log_lik + kl_weight * log_probs.log_prior
            bound = objectives.mixture_elbo(log_joint, log_density, log_alpha)
            refund = kl_weight * self.refund(model, encoding.params, z)
            bound += tf.reduce_sum(tf.exp(log_alpha) * refund, axis=-1)
            return bound - model.mixing.penalty(log_alpha), log_probs

        def objective():
            """Returns what the networks ascend, and the `LogProbs` of the refined posterior."""
            encoding = model.amortised(x, num_components=model.active_components, training=True)
            if model.refinement is None:
                return bound_at(encoding)
            path = model.refinement.training_path(model, x, encoding, seed, kl_weight)
            return model.refinement.objective(model, bound_at, path)

        return ascend(model, model.active_variables, objective)
