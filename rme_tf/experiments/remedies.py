"""What a recipe does against posterior collapse: its part of the fields."""

import dataclasses


@dataclasses.dataclass(frozen=True, kw_only=True)
class Remedies:
    """Remedies against posterior collapse, each off unless given.

    Args:
        kl_weight: weight of the KL term in training, at the end of its annealing.
        annealing: "linear", "sigmoid" or "cyclical" rise of that weight; none unless given.
        annealing_steps: training steps of the rise, or of one cycle.
        annealing_start: the weight at the first step.
        free_bits: nats of each component's KL that each latent dimension has for nothing.
        aggressive: several steps of the encoders for one of the decoder.
    """

    kl_weight: float = 1.0
    annealing: str | None = None
    annealing_steps: int = 1000
    annealing_start: float = 0.0
    free_bits: float = 0.0
    aggressive: bool = False
