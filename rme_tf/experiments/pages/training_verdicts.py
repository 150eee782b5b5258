"""Verdicts on a training, from its history."""

from collections.abc import Mapping

import numpy as np
from scipy import stats

from rme_tf.experiments.pages.verdict import (
    BAD,
    GOOD,
    LIKELY,
    NONE,
    SURE,
    UNSURE,
    WEAK,
    Verdict,
    below,
    certainty,
    epochs,
    nats,
    number,
    series,
    shortest,
)

FEWEST_EPOCHS = 4  # with validation, for verdicts on curves
PATIENCE = 3  # epochs since the best one before a fall counts
FALL = 3.0  # times the noise of the curve that a fall or a rise must exceed
LEAST_FALL = 1e-3  # relative to the best ELBO
LEAST_GAP = 0.1  # of the fall, between training and test observations at the end of an overfitted training
LAST = 0.2  # share of the epochs that is the end of a training
STILL = 2e-3  # relative rise of the validation ELBO in a fifth of the epochs with which a training is not at its end
ERRORS, SURELY = 2.0, 4.0  # standard errors that a rise must exceed, and exceeds if it is likely
FLAT = 0.02  # share of the warm start's gain that an epoch without progress adds at most
LATER = 0.1  # share of the warm start's gain by which a settled component 0 improves later at most
LONG = 0.5  # share of all epochs that a warm start should not exceed
BEHIND = 0.05  # relative distance of the second component's ELBO from the first one's

QUESTION_FIT, QUESTION_WARM, QUESTION_LONG = "Overfitting?", "Warm start too long?", "Trained long enough?"
TOO_FEW = f"Too few epochs with a validation ELBO: expected {FEWEST_EPOCHS} at least."


def noise(values) -> float:
    """Returns the standard deviation of a curve around its trend.

    The result is 0 for less than three values.

    Args:
        values: finite values by epoch. Shape [E].
    """
    bends = np.abs(np.diff(values, n=2))
    return float(np.median(bends) / (0.6745 * np.sqrt(6.0))) if len(bends) else 0.0


def overfitting(history: Mapping, metrics: Mapping, warm_start_epochs: int = 0) -> Verdict:
    """Returns the verdict on overfitting.

    The answer is yes if the validation ELBO has fallen since its best epoch, `PATIENCE` epochs ago or more, by more
    than `FALL` times its noise and `LEAST_FALL` of its value, while the training ELBO has risen.

    Args:
        history: metrics by epoch, with `val_elbo` and perhaps `elbo`, in nats.
        metrics: metrics of the splits "test" and "train", for the gap between them.
        warm_start_epochs: first epochs, which are left out.
    """
    held_out, training = series(history, "val_elbo"), series(history, "elbo")
    begin = warm_start_epochs if np.isfinite(held_out[warm_start_epochs:]).sum() >= FEWEST_EPOCHS else 0
    measured = begin + np.flatnonzero(np.isfinite(held_out[begin:]))
    if len(measured) < FEWEST_EPOCHS:
        return Verdict(QUESTION_FIT, "too early to say", NONE, TOO_FEW)
    best, last = int(measured[np.argmax(held_out[measured])]), int(measured[-1])
    fall, scatter = held_out[best] - held_out[last], noise(held_out[measured])
    rise = training[last] - training[best] if len(training) > last else np.nan
    least = max(FALL * scatter, LEAST_FALL * abs(held_out[best]))
    threshold = (
        f"Overfitting is a fall of the validation ELBO by more than {nats(least)} ({FALL:g} times its noise, or "
        f"{LEAST_FALL:.1%}) in {PATIENCE} epochs or more, while the training ELBO rises."
    )
    since = f"The validation ELBO fell by {nats(fall)} since epoch {best + 1} of {last + 1}"
    if last - best >= PATIENCE and fall > least:
        if fell_together(metrics, fall, rise):
            text = f"{since}, and training observations fare no better: the training came apart."
            remedy = "Try a smaller learning rate, or a smaller `kl_bound`."
            return Verdict(QUESTION_FIT, "no, unstable", BAD, text, threshold, LIKELY, remedy)
        known = f", while the training ELBO rose by {nats(rise)}" if np.isfinite(rise) else ""
        how_sure = certainty(3.0 * fall / least, most=SURE if known and last - best >= 2 * PATIENCE else LIKELY)
        remedy = "Stop earlier (`patience` with `restore_best`), take smaller networks, or more data."
        return Verdict(QUESTION_FIT, "yes", BAD, f"{since}{known}.", threshold, how_sure, remedy)
    if last - best >= PATIENCE and fall > scatter:
        return Verdict(QUESTION_FIT, "perhaps", UNSURE, f"{since}, which is near its noise.", threshold, WEAK)
    text = f"The validation ELBO was at its best in epoch {best + 1} of {last + 1}. {gap_text(metrics)}".strip()
    return Verdict(QUESTION_FIT, "no", GOOD, text, threshold, SURE if len(measured) >= 10 else LIKELY)


def fell_together(metrics: Mapping, fall: float, rise: float) -> bool:
    """Returns whether the ELBO of training observations fell with the validation ELBO.

    Args:
        metrics: metrics of the splits, which decide where the training ELBO is not in the history.
        fall: fall of the validation ELBO since its best epoch, in nats.
        rise: rise of the training ELBO since that epoch; NaN if it was not measured.
    """
    if np.isfinite(rise):
        return bool(rise <= 0.0)
    gap = number(metrics.get("train", {}), "elbo") - number(metrics.get("test", {}), "elbo")
    return bool(gap < LEAST_GAP * fall)


def gap_text(metrics: Mapping) -> str:
    """Returns a sentence on the generalization gap, or nothing."""
    train, test = metrics.get("train", {}), metrics.get("test", {})
    gap = number(train, "elbo") - number(test, "elbo")
    error = np.hypot(number(train, "elbo_standard_error"), number(test, "elbo_standard_error"))
    if not np.isfinite(gap):
        return ""
    known = f" ± {shortest(error)}" if np.isfinite(error) else ""
    place = "above" if gap >= 0.0 else "below"
    return f"The training data's ELBO is {shortest(abs(gap))}{known} nats {place} the test data's."


def warm_start(history: Mapping, components: int, warm_start_epochs: int) -> Verdict:
    """Returns the verdict on the length of the warm start.

    It is too long if it takes more than `LONG` of the epochs, or if its last third, two epochs at least, added less
    than `FLAT` of its gain an epoch, and component 0 gained no more than `LATER` of it afterwards: component 0 and the
    decoder had settled, and the others begin as copies in a place that is hard to leave. A second component whose ELBO
    stays behind the first one's is reported too.

    Args:
        history: metrics by epoch: `val_elbo`, and `elbo_0` and `elbo_1` of the components.
        components: number of components M.
        warm_start_epochs: number of epochs in which only component 0 is trained.
    """
    if components < 2 or warm_start_epochs < 1:
        return Verdict(QUESTION_WARM, "no warm start", NONE, "All components are trained from the first epoch on.")
    held_out = series(history, "val_elbo")
    total = len(held_out)
    threshold = (
        f"Too long: more than {LONG:.0%} of the epochs, or a last third in which an epoch adds less than {FLAT:.0%} of "
        "the warm start's gain."
    )
    share = warm_start_epochs / max(total, 1)
    remedy = f"Try `warm_start_epochs` below {warm_start_epochs}."
    if share > LONG:
        text = f"It took {epochs(min(warm_start_epochs, total))} of {total}: little is left for the other components."
        how_sure = SURE if share > 0.75 else LIKELY
        return Verdict(QUESTION_WARM, "yes", BAD, text, threshold, how_sure, remedy)
    if warm_start_epochs >= PATIENCE and np.isfinite(held_out[:warm_start_epochs]).all():
        third = max(2, warm_start_epochs // 3)
        warm = held_out[:warm_start_epochs]
        gain, late = warm.max() - warm[0], (warm[-1] - warm[-third]) / max(1, third - 1)
        settled = later_gain(history, warm_start_epochs) <= LATER * gain
        if gain > 0.0 and late < FLAT * gain and third < warm_start_epochs and settled:
            text = f"Its last {third} epochs added {nats(late)} each, of {nats(gain)} in all {warm_start_epochs}."
            return Verdict(QUESTION_WARM, "longer than needed", UNSURE, text, threshold, LIKELY, remedy)
    return _second_component(history, warm_start_epochs, total, threshold)


def later_gain(history: Mapping, warm_start_epochs: int) -> float:
    """Returns the later gain of component 0, 0 if unknown.

    Args:
        history: metrics by epoch, with the training ELBO `elbo_0`.
        warm_start_epochs: number of epochs in which only component 0 is trained.
    """
    first = series(history, "elbo_0")
    if len(first) <= warm_start_epochs or not np.isfinite(first[[warm_start_epochs - 1, -1]]).all():
        return 0.0
    return float(first[-1] - first[warm_start_epochs - 1])


def _second_component(history: Mapping, warm: int, total: int, threshold: str) -> Verdict:
    """Returns the verdict from the ELBO of the second component after the warm start."""
    first, second = series(history, "elbo_0"), series(history, "elbo_1")
    after = second[warm:]
    if not np.isfinite(after).any() or not len(first) == len(second) == total:
        text = f"It took {epochs(warm)} of {total}, and component 0 still improved at its end, or it was short."
        return Verdict(QUESTION_WARM, "no", GOOD, text, threshold, WEAK)
    behind = first[-1] - second[-1]
    start = first[warm - 1] - after[np.isfinite(after)][0]
    text = (
        f"It took {epochs(warm)} of {total}. The second component began {below(start)} the first one's level at the "
        f"end of the warm start, and is {below(behind)} it now."
    )
    if behind > BEHIND * abs(first[-1]) and behind > 1.0:
        remedy = "Try a shorter warm start, or a smaller `kl_bound`."
        return Verdict(QUESTION_WARM, "the others stay behind", UNSURE, text, threshold, LIKELY, remedy)
    return Verdict(QUESTION_WARM, "no", GOOD, text, threshold, LIKELY)


def length(history: Mapping) -> Verdict:
    """Returns the verdict on the number of epochs.

    A line is fitted to the validation ELBO of the last half of the epochs. The training was too short if the line rises
    in a fifth of the epochs by more than `STILL` of the ELBO and `ERRORS` times the standard error of that rise. A
    smaller rise above its error, with the best epoch last, is weak evidence. If the error is too large to see a rise of
    `STILL`, the verdict is open.

    Args:
        history: metrics by epoch, with `val_elbo`, in nats.
    """
    held_out = series(history, "val_elbo")
    held_out = held_out[np.isfinite(held_out)]
    if len(held_out) < FEWEST_EPOCHS:
        return Verdict(QUESTION_LONG, "too early to say", NONE, TOO_FEW)
    half, last = max(3, len(held_out) // 2), max(2, int(LAST * len(held_out)))
    rise, error = (last * value for value in slope(held_out[-half:]))
    relevant, visible = STILL * abs(held_out[-half:].mean()), ERRORS * error
    threshold = (
        f"Too short is a rise by more than {nats(max(relevant, visible))} in {epochs(last)} (the larger of {STILL:.1%} "
        f"of the ELBO and {ERRORS:g} standard errors)."
    )
    text = f"In the last {epochs(half)} of {len(held_out)} the validation ELBO changed by {rise:+,.3g} nats in {last}."
    if rise > max(relevant, visible):
        how_sure = LIKELY if rise > SURELY * error else WEAK
        return Verdict(QUESTION_LONG, "no, it still rises", UNSURE, text, threshold, how_sure, "Add epochs.")
    if held_out.argmax() == len(held_out) - 1 and rise > error:
        text = f"{text} The best epoch is the last one."
        return Verdict(QUESTION_LONG, "no, still improving", UNSURE, text, threshold, WEAK, "Add epochs.")
    if visible > relevant:
        text = f"{text} The noise of the curve hides a slower rise."
        return Verdict(QUESTION_LONG, "cannot say", UNSURE, text, threshold, remedy="Try more epochs.")
    return Verdict(QUESTION_LONG, "yes", GOOD, text, threshold, LIKELY if len(held_out) >= 10 else WEAK)


def slope(values) -> tuple[float, float]:
    """Returns the slope of a fitted line, and its standard error.

    The errors of the values are taken as independent.

    Args:
        values: finite values by epoch, three or more. Shape [E].
    """
    fitted = stats.linregress(np.arange(len(values)), values)
    return float(fitted.slope), float(fitted.stderr)


def finite(history: Mapping) -> Verdict | None:
    """Returns the verdict on epochs with NaN or infinity, or None."""
    broken = {name: int((~np.isfinite(series(history, name))).sum()) for name in ("loss", "elbo") if name in history}
    worst = max(broken, key=lambda name: broken[name], default="")
    if not worst or not broken[worst]:
        return None
    text = f"`{worst}` is not finite in {epochs(broken[worst])} of {len(history[worst])}."
    remedy = "Try a smaller learning rate, or `global_clipnorm` of the optimizer."
    return Verdict("Numbers finite?", "no", BAD, text, "Any epoch with NaN or infinity.", SURE, remedy)
