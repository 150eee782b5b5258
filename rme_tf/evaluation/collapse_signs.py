"""Signs of collapse in a report: thresholds, evidence and certainty."""

import math
from typing import NamedTuple

from rme_tf.core.estimates import short, with_error
from rme_tf.evaluation import diagnostics
from rme_tf.evaluation.collapse_advice import advise

MIN_KL = 0.1  # nats, for KL(Q || p) and I(x; z): codes with less carry no information
MIN_RELIANCE = 0.1  # nats: with less, the decoder does as well with the code of another observation
RELATIVE_RELIANCE = 0.01  # of -log p(x|z), if it is a probability: with less, x is described nearly without its code
MIN_USAGE = 0.02  # mean alpha, see `lowest_usage`
MIN_COMPONENT_KL = 0.01  # nats: with less, two components are equal
SURE = 2.0  # standard errors between a value and its threshold

WEAKER_DECODER = "A decoder of less capacity, or a higher floor of free bits, may help."
FEWER_COMPONENTS = "Fewer components may do."


class Sign(NamedTuple):
    """A sign of collapse: what it means, with evidence and remedies."""

    meaning: str
    evidence: str
    certain: bool  # whether the value is below its threshold by two standard errors
    remedy: str

    def __str__(self):
        return f"{self.meaning}. {self.evidence} {self.remedy}".strip()


class Measure(NamedTuple):
    """A value, and a threshold below which it indicates collapse."""

    name: str
    value: float
    standard_error: float
    threshold: float
    unit: str = " nats"

    @property
    def is_low(self) -> bool:
        """Whether the value is below its threshold."""
        return self.value < self.threshold

    @property
    def is_certain(self) -> bool:
        """Whether the value is below its threshold by two standard errors."""
        error = self.standard_error if math.isfinite(self.standard_error) else 0.0
        return self.value + SURE * error < self.threshold

    def in_words(self, num_observations: int) -> str:
        """Returns the value, the threshold and the certainty in words.

        Args:
            num_observations: number of observations behind the value.
        """
        value = f"{self.name} is {with_error(self.value, self.standard_error)}{self.unit}"
        below = f"below the threshold of {self.threshold:.3g}"
        if self.standard_error > 0.0:
            errors = f"by {(self.threshold - self.value) / self.standard_error:.1f} standard errors"
            below += f" {errors}" + ("" if self.is_certain else ", which is not certain")
        return f"{value} ({num_observations} observations; ± is one standard error), {below}."


def signs_of_collapse(report, *, warming=False) -> dict[str, Sign]:
    """Returns the signs of collapse in a report, by kind.

    Args:
        report: `CollapseReport` to read.
        warming: whether the model is in its warm start, when component collapse is not reported. A report made in a
            warm start knows it.
    """
    signs = _signs_in_codes(report)
    if len(report.usage) > 1 and not (warming or report.advice.warming):
        in_components = _signs_in_components(report)
        if "Posterior collapse" in signs:
            in_components.pop("Identical components", None)  # all are the prior
        signs.update(in_components)
    return signs


def information(report) -> Measure:
    """Returns the smaller one of I(x; z) and KL(Q || p)."""
    measures = [
        Measure("I(x; z)", report.mutual_information, report.mutual_information_standard_error, MIN_KL),
        Measure("KL(Q(z|x) || p(z))", report.kl, report.kl_standard_error, MIN_KL),
    ]
    return min(measures, key=lambda measure: measure.value)


def reliance(report) -> Measure:
    """Returns the loss of log p(x|z) with the code of another observation."""
    name = "The loss of log p(x|z) with the code of another observation"
    threshold = lowest_reliance(-report.reconstruction if report.of_probabilities else math.nan)
    return Measure(name, report.reliance, report.reliance_standard_error, threshold)


def lowest_reliance(nats: float) -> float:
    """Returns the reliance below which the decoder nearly ignores z.

    It is `MIN_RELIANCE`, or `RELATIVE_RELIANCE` of all nats of an observation if larger. The nats of a density depend
    on the units of the data and are no scale.

    Args:
        nats: -log p(x) or -E[log p(x|z)] of an observation; NaN for a density.
    """
    return max(MIN_RELIANCE, RELATIVE_RELIANCE * nats) if nats > 0.0 else MIN_RELIANCE


def usage(report) -> list[Measure]:
    """Returns the mean weights of the components."""
    floor = lowest_usage(len(report.usage))
    errors = report.usage_standard_error
    errors = [math.nan] * len(report.usage) if errors is None else errors
    pairs = zip(report.usage, errors, strict=True)
    return [
        Measure(f"The mean weight of component {m}", float(value), float(error), floor, "")
        for m, (value, error) in enumerate(pairs)
    ]


def lowest_usage(num_components: int) -> float:
    """Returns the mean weight below which a component is unused.

    It is `MIN_USAGE`, or half of 1 / M if smaller.

    Args:
        num_components: number of components M.
    """
    return min(MIN_USAGE, 0.5 / num_components)


def closest(report) -> Measure:
    """Returns the symmetric KL between the closest two components."""
    m, j, divergence = diagnostics.closest_components(report.component_kl)
    errors = report.component_kl_standard_error
    error = math.nan if errors is None else 0.5 * float(errors[m, j] + errors[j, m])
    return Measure(f"KL between components {m} and {j}", divergence, error, MIN_COMPONENT_KL)


def component_information(report) -> str:
    """Returns I(m; z|x) in nats as text, "about 0" below 0."""
    return short(report.component_information) if report.component_information >= 0.0 else "about 0"


def _signs_in_codes(report) -> dict[str, Sign]:
    advice, count = report.advice, report.num_observations
    remedy = advise(advice.codes, advice.on, WEAKER_DECODER)
    measure = information(report)
    meaning = "The codes have next to no information on the observations"
    if measure.is_low:
        return {"Posterior collapse": Sign(meaning, measure.in_words(count), measure.is_certain, remedy)}
    # The mean of a mixture may be constant while its components vary: then no active unit is no evidence.
    if report.active_units == 0 and len(report.usage) == 1:
        evidence = (
            f"No latent dimension has a posterior mean whose variance over {count} observations exceeds "
            f"{diagnostics.ACTIVE_VARIANCE}."
        )
        return {"Posterior collapse": Sign(meaning, evidence, True, remedy)}
    measure = reliance(report)
    if measure.is_low:
        nearly = measure.value >= MIN_RELIANCE
        uses = "hardly uses" if nearly else "does not use"
        meaning = f"The codes of the observations differ, but the decoder {uses} them"
        kind = "The decoder nearly ignores z" if nearly else "The decoder ignores z"
        return {kind: Sign(meaning, measure.in_words(count), measure.is_certain, remedy)}
    return {}


def _signs_in_components(report) -> dict[str, Sign]:
    signs, count = {}, report.num_observations
    remedy = advise(report.advice.components, last=FEWER_COMPONENTS)
    unused = [measure for measure in usage(report) if measure.is_low]
    if unused:
        meaning = f"{len(unused)} of {len(report.usage)} components have next to no weight"
        evidence = " ".join(measure.in_words(count) for measure in unused)
        certain = all(measure.is_certain for measure in unused)
        signs["Component collapse"] = Sign(meaning, evidence, certain, remedy)
    measure = closest(report)
    if measure.is_low:
        information_of = f"I(m; z|x) is {component_information(report)} nats of at most {short(report.mixing_entropy)}."
        evidence = f"{measure.in_words(count)} {information_of}"
        signs["Identical components"] = Sign("Two components are equal", evidence, measure.is_certain, remedy)
    return signs
