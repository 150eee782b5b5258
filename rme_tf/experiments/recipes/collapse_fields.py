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
        annealing_delay: training steps at that weight before the rise; unless given, those before the decoder's reset.
        annealing_cycles: number of cycles, of a "cyclical" rise.
        annealing_rise: share of a cycle in which the weight rises.
        reset_decoder_epoch: epoch, counted from 0, at whose beginning the decoder gets new weights; never unless given.
        free_bits: nats of each component's KL that each group of latent dimensions has for nothing.
        free_bits_groups: number of those groups; 1 makes `free_bits` a target rate. Every dimension is a group of its
            own unless given.
        aggressive: several steps of the encoders for one of the decoder.
        aggressive_window: steps whose bounds are averaged, to see whether the encoders still gain.
        aggressive_max_steps: most steps of the encoders for one of the decoder.
    """

    kl_weight: float = 1.0
    annealing: str | None = None
    annealing_steps: int = 1000
    annealing_start: float = 0.0
    annealing_delay: int | None = None
    annealing_cycles: int = 4
    annealing_rise: float = 0.5
    reset_decoder_epoch: int | None = None
    free_bits: float = 0.0
    free_bits_groups: int | None = None
    aggressive: bool = False
    aggressive_window: int = 10
    aggressive_max_steps: int = 100

    def check_remedies(self, latent_dim: int, epochs: int) -> None:
        """Raises ValueError for a remedy that does not fit D, or never comes in so many epochs."""
        reset = self.reset_decoder_epoch
        if reset is not None and reset >= epochs:
            raise ValueError(f"`reset_decoder_epoch` must be less than `epochs`. Received: {reset} of {epochs}.")
        if latent_dim % (self.free_bits_groups or 1):
            raise ValueError(
                "`free_bits_groups` must divide the latent dimensions. "
                f"Received: {self.free_bits_groups} of {latent_dim}."
            )
