"""A report of collapse in words."""

import math

from rme_tf.core.estimates import short, with_error
from rme_tf.evaluation.collapse_signs import (
    MIN_COMPONENT_KL,
    MIN_KL,
    MIN_RELIANCE,
    closest,
    component_information,
    reliance,
    signs_of_collapse,
    usage,
)
from rme_tf.evaluation.diagnostics import ACTIVE_VARIANCE

NEAR_LIMIT = 0.5  # nats below log N, where the estimate of I(x; z) is a lower bound
ROUNDING = 1e-6  # of uniform weights and their entropy, in float32
MOST_NAMED = 12  # dimensions or components named one by one


def summary_of(report) -> str:
    """Returns a report in words, several lines.

    The lines are on the codes, the latent dimensions, the decoder, the components and the verdict, with thresholds and
    standard errors.

    Args:
        report: `CollapseReport` to describe.
    """
    signs = signs_of_collapse(report)
    lines = [f"{report.num_observations} observations; ± is one standard error.", _codes(report)]
    if report.code_variance is not None:
        lines.append(_dimensions(report))
    if math.isfinite(report.reliance):
        lines.append(_decoder(report))
    if len(report.usage) > 1 and not report.advice.warming:
        lines.append(_components(report))
    lines += [f"Early: {reason}." for reason in report.advice.unsettled]
    lines += [f"{kind}{'' if sign.certain else ', perhaps'}: {sign}" for kind, sign in signs.items()]
    return "\n".join(lines if signs else [*lines, "No sign of collapse."])


def _codes(report) -> str:
    limit = math.log(report.num_observations)
    mutual = with_error(report.mutual_information, report.mutual_information_standard_error)
    kl = with_error(report.kl, report.kl_standard_error)
    near = report.mutual_information > limit - NEAR_LIMIT
    note = " Near that limit it is a lower bound: more observations would show more." if near else ""
    return (
        f"Codes: I(x; z) is {mutual} nats, the information that a code has on its observation, of at most "
        f"log N = {short(limit)}; KL(Q(z|x) || p(z)) is {kl} nats. Below {MIN_KL} nats a code has none.{note}"
    )


def _dimensions(report) -> str:
    unused = [d for d, variance in enumerate(report.code_variance) if variance <= ACTIVE_VARIANCE]
    total = len(report.code_variance)
    text = (
        f"Latent dimensions: {total - len(unused)} of {total} are active: their posterior mean has a variance over "
        f"{ACTIVE_VARIANCE} across observations."
    )
    if not unused:
        return text
    text += f" Unused: {_named(unused)}."
    if len(unused) < total:
        text += " They carry nothing, and a smaller `latent_dim` would do."
    return text


def _decoder(report) -> str:
    loss = with_error(report.reliance, report.reliance_standard_error)
    threshold = reliance(report).threshold
    nearly = f", below {short(threshold)} nearly so" if threshold > MIN_RELIANCE else ""
    return (
        f"Decoder: with the code of another observation log p(x|z) loses {loss} nats. Below {MIN_RELIANCE} nats it "
        f"ignores the codes{nearly}."
    )


def _components(report) -> str:
    weights = usage(report)
    unused = [m for m, measure in enumerate(weights) if measure.is_low]
    number = f"{len(weights) - len(unused)} of {len(weights)}"
    text = f"Components: {number} are in use ({_weights(report)})."
    if unused:
        text += f" Unused: {_named(unused)}, below {weights[0].threshold:.2g}."
    pair = closest(report)
    distance = with_error(pair.value, pair.standard_error)
    return (
        f"{text} {pair.name}, the closest two, is {distance} nats; below {MIN_COMPONENT_KL} they are equal. I(m; z|x) "
        f"is {component_information(report)} nats, from 0 for equal components to "
        f"{short(report.mixing_entropy)}."
    )


def _weights(report) -> str:
    low, high = min(report.usage), max(report.usage)
    if high - low < ROUNDING and report.mixing_entropy > math.log(len(report.usage)) - ROUNDING:
        return "uniform weights"  # which say nothing of the components
    low, high = short(low), short(high)
    return f"mean weights {low}" if low == high else f"mean weights from {low} to {high}"


def _named(indices: list[int]) -> str:
    more = len(indices) - MOST_NAMED
    return ", ".join(map(str, indices[:MOST_NAMED])) + (f" and {more} more" if more > 0 else "")
