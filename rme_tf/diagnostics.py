"""Diagnostics of posterior collapse and component collapse: pure functions of NumPy arrays.

Letters: N observations, M components, D latent dimensions.
"""

import numpy as np

ACTIVE_VARIANCE = 0.01  # the threshold of Burda et al.


def active_units(weights, means) -> int:
    """Returns the number of latent dimensions d with Var_x(E_Q[z_d]) > 0.01.

    Args:
        weights: alpha. Shape [N, M].
        means: of the components. Shape [N, M, D].

    References:
        Burda, Grosse and Salakhutdinov (2016), https://arxiv.org/abs/1509.00519
    """
    mixture_means = np.einsum("nm,nmd->nd", weights, means)
    return int(np.sum(np.var(mixture_means, axis=0, ddof=1) > ACTIVE_VARIANCE))


def mixing_entropy(weights) -> float:
    """Returns the component usage mean_x H(alpha(x)), in nats, for weights [N, M]; at most log M."""
    weights = np.asarray(weights, np.float64)
    terms = np.where(weights > 0.0, weights * np.log(np.maximum(weights, 1e-300)), 0.0)
    return float(abs(terms.sum(axis=-1)).mean())  # no term is positive


def component_information(elbo, component_elbo, weights) -> float:
    """Returns mean_x I(m; z|x), in nats: what the mixture gains over its components.

        ELBO(Q) - sum_m alpha_m ELBO(q_m) = I(m; z|x) <= H(alpha) <= log M

    Args:
        elbo: ELBO(Q) of each observation. Shape [N].
        component_elbo: ELBO(q_m). Shape [N, M].
        weights: alpha. Shape [N, M].
    """
    return float(np.mean(elbo - np.sum(weights * component_elbo, axis=-1)))
