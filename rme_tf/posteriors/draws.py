"""Draws from the components of a mixture."""

from typing import NamedTuple

import tensorflow as tf

from rme_tf.core.types import Tensor


class Draws(NamedTuple):
    """Codes drawn from components, with their origins under a shared transform.

    For z = f(z_0), with one f of all components, log q_j(z) = log N_j(z_0) - log|det df/dz_0| needs no inverse of f.
    """

    z: Tensor  # [S, B, K, D]
    base: Tensor | None = None  # z_0 [S, B, K, D]; None without a shared transform
    log_det: Tensor | None = None  # log|det df/dz_0| [S, B, K], in nats

    def for_each_component(self) -> "Draws":
        """Returns the draws with another axis [S, B, K, 1, ...], against params [B, 1, M, P]."""
        base = None if self.base is None else self.base[:, :, :, tf.newaxis]
        log_det = None if self.log_det is None else self.log_det[:, :, :, tf.newaxis]
        return Draws(self.z[:, :, :, tf.newaxis], base, log_det)


def as_draws(z) -> Draws:
    """Returns `Draws` for codes [S, B, K, D]; `Draws` stay as they are."""
    return z if isinstance(z, Draws) else Draws(z)
