"""Fields of studies with instruments."""

import dataclasses
from collections.abc import Iterable
from typing import Any, NamedTuple

from rme_tf.core.validation import check_choice, check_counts
from rme_tf.evaluation import LocalSearch
from rme_tf.evaluation.proposal import LEAST_DRAWS

GAPS, DECODER, COMPONENTS, PROPOSAL, MODES = "gaps", "decoder", "components", "proposal", "modes"
NAMES = (GAPS, DECODER, COMPONENTS, PROPOSAL, MODES)


class Measurement(NamedTuple):
    """Instruments, and sizes of their samples."""

    instruments: tuple[str, ...]
    observations: int  # first ones of the test set, and of the training set
    num_samples: int  # draws from Q for each observation
    search: LocalSearch

    def settings(self, instrument: str) -> dict[str, Any]:
        """Returns the settings of an instrument.

        Its values depend on them, the data and the model.

        Args:
                instrument: name of the instrument.
        """
        settings: dict[str, Any] = {"observations": self.observations}
        if instrument in (GAPS, COMPONENTS, PROPOSAL):
            settings["num_samples"] = self.num_samples
        if instrument == GAPS:
            settings |= {"search": self.search._asdict(), "exact_log_likelihood": MODES in self.instruments}
        return settings


SMALL: dict[str, Any] = {
    "observations": 3,
    "num_samples": LEAST_DRAWS,
    "search": LocalSearch(steps=2, rounds=2, starts=2),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class InstrumentFields:
    """Fields of the instruments of a study.

    Args:
        instruments: measurements of each trained model: "gaps" (of inference), "decoder", "components" (distances
            between them), "proposal" (quality of Q as one), "modes" (of the true posterior; D = 2 only, and the gaps
            have the exact log p(x) then).
        measured: number of test observations and of training observations, the first ones.
        draws: draws from Q for each observation.
        search_steps: steps of a round of the search for the best posterior of an observation.
        search_rounds: largest number of rounds.
        search_starts: starts of the first round.
    """

    instruments: tuple[str, ...] = (GAPS, DECODER, COMPONENTS, PROPOSAL)
    measured: int = 100
    draws: int = 1_000
    search_steps: int = 500
    search_rounds: int = 5
    search_starts: int = 4

    @property
    def measurement(self) -> Measurement:
        """Measurement of the study, a small one if `smoke`.

        Raises:
            ValueError: if an instrument is unknown, or a number is too small.
        """
        study: Any = self  # with the fields of a recipe
        check_instruments(self.instruments)
        check_counts(measured=self.measured, search_steps=self.search_steps, search_starts=self.search_starts)
        check_counts(2, search_rounds=self.search_rounds)
        check_counts(LEAST_DRAWS, draws=self.draws)
        search = LocalSearch(self.search_steps, self.search_rounds, self.search_starts)
        measurement = Measurement(tuple(self.instruments), self.measured, self.draws, search)
        return measurement._replace(**SMALL) if study.smoke else measurement


def check_instruments(names: Iterable[str]) -> None:
    """Checks the names of instruments.

    Raises:
        ValueError: for an unknown name.
    """
    for name in names:
        check_choice("instruments", name, NAMES)
