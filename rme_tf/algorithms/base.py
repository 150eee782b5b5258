"""What every training algorithm is: a rule that says which parameters ascend which objective."""

import dataclasses
import math

import tensorflow as tf


@dataclasses.dataclass(frozen=True, kw_only=True)
class Algorithm:
    """A rule for one training step of a `rme_tf.VAE`, given to `compile(algorithm=...)`.

    Args:
        num_samples: S, latent samples drawn from each component in a step.
        warm_start_epochs: for so many epochs q_0 and the decoder train alone, as a plain VAE; then the
            other components start as copies of q_0 with noise, and the mixture grows to M components.
        warm_start_noise: standard deviation of the noise added to the copied weights.

    Raises:
        ValueError: if a number is out of range.

    To be implemented by subclasses:
        * `step(model, x, seed)`: moves the model's weights, and returns the `LogProbs` of the draw
          that it used. x [B, ...], seed [2]. `model.active_components` is how many components train.
    """

    num_samples: int = 1
    warm_start_epochs: int = 0
    warm_start_noise: float = 0.01

    def __post_init__(self):
        if self.num_samples < 1:
            raise ValueError(f"`num_samples` must be at least 1. Received: {self.num_samples}.")
        if self.warm_start_epochs < 0:
            raise ValueError(f"`warm_start_epochs` must not be negative. Received: {self.warm_start_epochs}.")
        if not 0.0 <= self.warm_start_noise < math.inf:
            raise ValueError(f"`warm_start_noise` must be finite and not negative. Received: {self.warm_start_noise}.")

    def step(self, model, x, seed):
        """Moves the model's weights once; returns `LogProbs`."""
        raise NotImplementedError

    def get_config(self) -> dict:
        """Returns the fields, by name."""
        return dataclasses.asdict(self)

    @classmethod
    def from_config(cls, config: dict):
        """Returns the algorithm with these fields."""
        return cls(**config)


def ascend(model, variables, objective, *, regularise=True):
    """Moves `variables` one optimizer step up the mean of `objective()`.

    The model's regularisation losses are subtracted, each reaching its own variables alone. Variables
    that the objective does not depend on stay as they are, their optimizer slots too.

    Args:
        model: a compiled `rme_tf.VAE`.
        variables: list of Keras variables.
        objective: function without arguments -> (objective [B] in nats, anything to hand back).
        regularise: whether to subtract the regularisation losses.

    Returns:
        What `objective` gave back second.
    """
    with tf.GradientTape() as tape:
        value, result = objective()
        loss = -tf.reduce_mean(value) + (sum(model.losses) if regularise else 0.0)
        replicas = tf.distribute.get_strategy().num_replicas_in_sync  # the optimizer sums over them
        loss = model.optimizer.scale_loss(loss / replicas)
    gradients = tape.gradient(loss, [variable.value for variable in variables])
    pairs = [(g, v) for g, v in zip(gradients, variables, strict=True) if g is not None]
    if pairs:
        model.optimizer.apply(*zip(*pairs, strict=True))
    return result
