"""Verdicts on a trained model: posterior collapse, use of the components, memorization."""

import math
from collections.abc import Mapping

from rme_tf.evaluation.collapse_signs import MIN_KL, MIN_RELIANCE, RELATIVE_RELIANCE, lowest_reliance, lowest_usage
from rme_tf.evaluation.collapse_signs import SURE as ERRORS
from rme_tf.experiments.pages.verdict import (
    BAD,
    GOOD,
    LIKELY,
    NONE,
    SURE,
    UNSURE,
    WEAK,
    Verdict,
    certainty,
    nats,
    number,
)

FEW_OBSERVATIONS = 100  # with fewer, no verdict on codes is sure
FEW_UNITS = 0.25  # share of active dimensions below which much of the code is unused
EQUAL = 0.05  # I(m; z|x) / H(alpha) below which components are equal
SIMILAR = 0.3  # ... and below which they overlap much
FAR = 0.25  # relative distance of a component's ELBO from the best one's, 10 nats at least
COPY = 1.0 / 3.0  # distance of the nearest training observation, relative to the second nearest, of a copy
COPIES_OF_TEXT = "A copy is equal to a training sentence."
COPIES_OF_ARRAYS = (
    f"A copy is {COPY:.2f} times as far from the nearest training {{}} as from the second nearest, or less."
)
MOST_SEARCHED = 0.9  # share of the training observations, with less of which the evidence is weak
MANY_COPIES = 0.1  # share of samples that are copies, above the share of test observations

MEASURE = "`rme report RUN` measures it; a run with `--diagnosed 1000` records it."

QUESTION_CODES, QUESTION_MIXTURE = "Collapsed?", "Components used?"
QUESTION_MEMORY = "Memorized?"
UNTESTED = {QUESTION_CODES: "no sign in KL alone", QUESTION_MIXTURE: "in the posterior, at least"}


def collapse(
    test: Mapping, diagnosed: Mapping, latent_dim: int, components: int = 1, total: float = math.nan
) -> Verdict:
    """Returns the verdict on posterior collapse.

    The answer is yes if KL(Q || p) or I(x; z) is below `MIN_KL`, log p(x|z) loses less than `MIN_RELIANCE` with the
    code of another observation, or a single component has no active dimension. It is "nearly" if log p(x|z) loses less
    than `RELATIVE_RELIANCE` of -log p(x). Without a reliance it is never no: see `untested`.

    KL(Q || p) and active dimensions are of the whole test set where the record has them, as among the final numbers.

    Args:
        test: metrics of the test set: `kl` in nats and `active_units`.
        diagnosed: entries of the report on collapse: `kl`, `mutual_information`, `reliance`; empty without a report.
        latent_dim: number of latent dimensions D.
        components: number of components M.
        total: -log p(x) of an observation, in nats; NaN for a density, whose nats depend on the units.
    """
    kl, active = (number(test if name in test else diagnosed, name) for name in ("kl", "active_units"))
    information, reliance = number(diagnosed, "mutual_information"), number(diagnosed, "reliance")
    if not math.isfinite(kl):
        return Verdict(QUESTION_CODES, "not measured", NONE, "The record has no KL(Q || p).")
    count = number(diagnosed, "num_observations") if diagnosed else number(test, "num_observations")
    most = SURE if diagnosed and not count < FEW_OBSERVATIONS else LIKELY
    threshold = (
        f"Collapsed is KL(Q || p) or I(x; z) below {MIN_KL:g} nats, or reliance below {MIN_RELIANCE:g}: what "
        "log p(x|z) loses with another code."
        + (f" Nearly collapsed is reliance below {RELATIVE_RELIANCE:.0%} of -log p(x)." if total > 0.0 else "")
    )
    text = _measured(kl, information, reliance, total)
    if math.isfinite(active):
        text += f" {active:.0f} of {latent_dim} latent dimensions are active."
    lowest = min(value for value in (kl, information) if math.isfinite(value))
    if lowest < MIN_KL or (active == 0 and components == 1):
        margin = MIN_KL / max(lowest, 1e-12) if lowest < MIN_KL else 1.0
        return Verdict(QUESTION_CODES, "yes", BAD, text, threshold, certainty(margin, most=most))
    if reliance < MIN_RELIANCE:
        return Verdict(QUESTION_CODES, "yes, z is ignored", BAD, text, threshold, most)
    if reliance < lowest_reliance(total):
        error = number(diagnosed, "reliance_standard_error")
        sure = reliance + ERRORS * (error if math.isfinite(error) else 0.0) < lowest_reliance(total)
        return Verdict(QUESTION_CODES, "nearly", BAD, text, threshold, LIKELY if sure else WEAK)
    margin = min(value / MIN_KL for value in (kl, information, reliance) if math.isfinite(value))
    if components == 1 and active < FEW_UNITS * latent_dim:
        remedy = "A smaller `latent_dim` would do, or free bits."
        return Verdict(QUESTION_CODES, "in part", UNSURE, text, threshold, certainty(margin, most=most), remedy)
    no = Verdict(QUESTION_CODES, "no", GOOD, text, threshold, certainty(margin, most=most))
    return no if math.isfinite(reliance) else untested(no)


def _measured(kl: float, information: float, reliance: float, total: float) -> str:
    """Returns the measures of collapse in words, with those that are known."""
    text = f"KL(Q || p) is {nats(kl)}."
    if math.isfinite(information):
        text += f" I(x; z) is {nats(information)}."
    if math.isfinite(reliance):
        share = f" of the {nats(total)} of an observation" if total > 0.0 and reliance < 0.1 * total else ""
        text += f" log p(x|z) loses {nats(reliance)}{share} with the code of another observation."
    return text


def component_use(test: Mapping, components: int) -> Verdict:
    """Returns the verdict on the use of the components.

    A component is unused if its mean weight is below `lowest_usage`. Components are equal if
    I(m; z|x), which is at most the entropy H(alpha) of the weights, is below `EQUAL` of it. One has left the posterior
    if its own ELBO is below the best one's by `FAR` of it and 10 nats.

    Args:
        test: metrics of the test set: `alpha_m` and `elbo_m` of each component, `component_information` and
            `mixing_entropy` in nats.
        components: number of components M.
    """
    if components < 2:
        return Verdict(QUESTION_MIXTURE, "one component", NONE, "The posterior is no mixture.")
    usage = [number(test, f"alpha_{m}") for m in range(components)]
    information, entropy = number(test, "component_information"), number(test, "mixing_entropy")
    if not all(map(math.isfinite, (*usage, information, entropy))):
        return Verdict(QUESTION_MIXTURE, "not measured", NONE, "The record has no weights of the components.")
    floor = lowest_usage(components)
    distinct = math.exp(max(0.0, information))
    threshold = (
        f"Unused is a mean weight below {floor:.2g}; equal is I(m; z|x) below {EQUAL:.0%} of the entropy of the "
        f"weights; left behind is an ELBO {FAR:.0%} and 10 nats below the best component's."
    )
    text = (
        f"The components differ like {distinct:.1f} separate ones of {components}: I(m; z|x) is "
        f"{information:.2f} nats of at most {entropy:.2f}. The smallest mean weight is {min(usage):.2f}."
    )
    broken = _broken_components(test, usage, floor)
    if broken is not None:
        named, how_sure, remedy = broken
        return Verdict(QUESTION_MIXTURE, "not all", BAD, f"{named} {text}", threshold, how_sure, remedy)
    share = information / max(entropy, 1e-12)
    if share < EQUAL:
        how_sure = certainty(EQUAL / max(share, 1e-12) * 3.0)
        return Verdict(QUESTION_MIXTURE, "no, they are equal", BAD, text, threshold, how_sure)
    if share < SIMILAR:
        return Verdict(QUESTION_MIXTURE, "in part", UNSURE, text, threshold, LIKELY)
    return Verdict(QUESTION_MIXTURE, "yes", GOOD, text, threshold, SURE if share > 2.0 * SIMILAR else LIKELY)


def unheard(use: Verdict) -> Verdict:
    """Returns the verdict on components whose codes are not used.

    Args:
        use: verdict on the use of the components.
    """
    if use.answer not in ("yes", "in part"):
        return use
    text = f"{use.text} But the codes tell the decoder next to nothing: components that differ decode to the same."
    return use._replace(answer="by the encoders alone", tone=UNSURE, text=text, certainty="")


def untested(verdict: Verdict) -> Verdict:
    """Returns the verdict on codes or components without a reliance on z.

    A good one is unsure: a KL of many nats does not tell whether the decoder uses the code.

    Args:
        verdict: verdict on collapse, or on the use of the components.
    """
    if verdict.tone != GOOD:
        return verdict
    text = f"{verdict.text} Whether the decoder uses the codes is not known: the record has no reliance on z."
    answer, remedy = UNTESTED[verdict.question], MEASURE
    return verdict._replace(answer=answer, tone=UNSURE, text=text, certainty="", remedy=remedy)


def _broken_components(test: Mapping, usage: list[float], floor: float) -> tuple[str, str, str] | None:
    """Returns a sentence, its certainty and a remedy of its own for components without weight or far away."""
    unused = [m for m, weight in enumerate(usage) if weight < floor]
    if unused:
        margin = floor / max(max(usage[m] for m in unused), 1e-12)
        return f"{_named(unused)} almost no weight.", certainty(3.0 * margin), ""
    bounds = [number(test, f"elbo_{m}") for m in range(len(usage))]
    best = max(bounds) if all(map(math.isfinite, bounds)) else math.nan
    left = [m for m, bound in enumerate(bounds) if best - bound > max(10.0, FAR * abs(best))]
    if not left:
        return None
    named = f"{_named(left)} left the posterior: an ELBO up to {nats(best - min(bounds))} below the best one's."
    return named, SURE, "Try a smaller `kl_bound`."


def _named(indices: list[int]) -> str:
    """Returns "Component 1 has" or "Components 1, 2 have"."""
    return f"Component{'s' if len(indices) > 1 else ''} {', '.join(map(str, indices))} ha{'ve' if indices[1:] else 's'}"


def memorization(
    copies: int, samples: int, test_copies: int, tests: int, searched: int, of: int, kind: str = "observation"
) -> Verdict:
    """Returns the verdict on memorization.

    Args:
        copies: number of samples that are copies of a training observation.
        samples: number of samples that were looked at.
        test_copies: number of test observations that are copies.
        tests: number of test observations that were looked at.
        searched: number of training observations that were searched.
        of: number of training observations in all.
        kind: "sentence" for observations that are copies if they are equal; else what an observation is, such as
            "image".

    References:
        Yoon et al. (2023), https://openreview.net/forum?id=shciCbSk9h, for the ratio of distances
    """
    if not samples or not searched:
        return Verdict(QUESTION_MEMORY, "not measured", NONE, "No samples were compared with the training data.")
    threshold = (
        f"{COPIES_OF_TEXT if kind == 'sentence' else COPIES_OF_ARRAYS.format(kind)} Memorized is a share of copies "
        f"{MANY_COPIES:.0%} above the test data's."
    )
    text = (
        f"{copies} of {samples} samples are copies of one of {searched:,} training observations"
        f"{f' (of {of:,})' if searched < of else ''}; of {tests} test observations, {test_copies} are."
    )
    excess = copies / samples - (test_copies / tests if tests else 0.0)
    if excess > MANY_COPIES:
        how_sure = SURE if excess > 0.3 and samples >= 20 else LIKELY
        remedy = "Take smaller networks, or stop earlier."
        return Verdict(QUESTION_MEMORY, "yes", BAD, text, threshold, how_sure, remedy)
    answer, tone = ("no", GOOD) if copies == 0 or excess <= 0.0 else ("perhaps", UNSURE)
    return Verdict(QUESTION_MEMORY, answer, tone, text, threshold, LIKELY if searched >= MOST_SEARCHED * of else WEAK)
