"""Verdicts on constructed histories and metrics, for every outcome."""

import numpy as np
import pytest

from rme_tf.experiments.pages import model_verdicts, training_verdicts
from rme_tf.experiments.pages.verdict import LIKELY, SURE, WEAK, certainty

RISING = list(-100.0 + 10.0 * np.log(np.arange(1, 31)))
TEST = {"kl": 20.0, "active_units": 8, "num_observations": 1000}
REPORT = {"kl": 20.0, "mutual_information": 5.0, "reliance": 40.0, "active_units": 8, "num_observations": 1000}


def falling_from(epoch, by=1.0, count=30):
    values = np.minimum(np.arange(count), epoch) - by * np.maximum(np.arange(count) - epoch, 0.0)
    return list(-100.0 + values)


def answer(verdict):
    return verdict.answer


# Overfitting.


@pytest.mark.parametrize(
    ("validation", "training", "expected"),
    [
        (RISING, RISING, "no"),
        (falling_from(10), RISING, "yes"),
        (falling_from(10), falling_from(10), "no, unstable"),
        (falling_from(10), None, "yes"),
        (falling_from(27), RISING, "no"),  # two epochs ago
        (falling_from(10, by=1e-3), RISING, "perhaps"),
        (RISING[:3], RISING[:3], "too early to say"),
        ([None] * 30, RISING, "too early to say"),
    ],
)
def test_overfitting_is_a_fall_of_validation_while_training_rises(validation, training, expected):
    history = {"val_elbo": validation, **({} if training is None else {"elbo": training})}
    assert answer(training_verdicts.overfitting(history, {})) == expected


def test_without_the_training_curve_the_gap_at_the_end_decides():
    history = {"val_elbo": falling_from(10)}  # by 19 nats
    for gap, expected in ((0.1, "no, unstable"), (15.0, "yes")):
        metrics = {"train": {"elbo": -109.0 + gap}, "test": {"elbo": -109.0}}
        assert answer(training_verdicts.overfitting(history, metrics)) == expected


def test_noise_is_no_overfitting(rng):
    noisy = list(np.array(RISING) + rng.normal(size=30))
    assert answer(training_verdicts.overfitting({"val_elbo": noisy, "elbo": RISING}, {})) in ("no", "perhaps")


def test_the_best_epoch_of_a_warm_start_does_not_count():
    values = [-50.0] * 5 + RISING  # components that join lower the ELBO at first
    history = {"val_elbo": values, "elbo": values}
    assert answer(training_verdicts.overfitting(history, {}, warm_start_epochs=5)) == "no"
    assert answer(training_verdicts.overfitting(history, {}, warm_start_epochs=0)) != "no"


def test_more_evidence_makes_surer():
    def verdict(by, since):
        return training_verdicts.overfitting({"val_elbo": falling_from(29 - since, by), "elbo": RISING}, {})

    assert verdict(1.0, 20).certainty == SURE
    assert verdict(1.0, 4).certainty == LIKELY  # few epochs
    assert "epoch 10 of 30" in verdict(1.0, 20).text
    assert "20 nats" in verdict(1.0, 20).text


def test_the_gap_has_its_direction_and_its_error():
    metrics = {
        "train": {"elbo": -20.0, "elbo_standard_error": 0.3},
        "test": {"elbo": -22.0, "elbo_standard_error": 0.4},
    }
    assert "2 ± 0.5 nats above the test" in training_verdicts.gap_text(metrics)
    wide = {"train": {**metrics["train"], "elbo_standard_error": 176.0}, "test": metrics["test"]}
    assert "2 ± 176 nats above the test data's" in training_verdicts.gap_text(wide)
    assert "below" in training_verdicts.gap_text({"train": {"elbo": -3.0}, "test": {"elbo": -2.0}})
    assert not training_verdicts.gap_text({})


# Warm start.


@pytest.mark.parametrize(
    ("warm", "validation", "expected"),
    [
        (0, RISING, "no warm start"),
        (20, RISING, "yes"),
        (9, [*np.linspace(-100, -60, 5), *[-60.0] * 25], "longer than needed"),
        (9, list(np.linspace(-100, -60, 30)), "no"),
        (1, RISING, "no"),
    ],
)
def test_a_warm_start_is_long_if_it_takes_most_epochs_or_has_settled(warm, validation, expected):
    assert answer(training_verdicts.warm_start({"val_elbo": validation}, 3, warm)) == expected


@pytest.mark.parametrize(("later", "expected"), [(0.5, "longer than needed"), (30.0, "no")])
def test_a_plateau_that_component_0_leaves_is_no_end(later, expected):
    values = [*np.linspace(-100, -60, 5), *[-60.0] * 4]
    history = {"val_elbo": values + [-60.0] * 20, "elbo_0": values + list(-60.0 + np.linspace(0, later, 20))}
    assert answer(training_verdicts.warm_start(history, 3, 9)) == expected


def test_one_component_has_no_warm_start():
    assert answer(training_verdicts.warm_start({"val_elbo": RISING}, 1, 3)) == "no warm start"


@pytest.mark.parametrize(("behind", "expected"), [(0.5, "no"), (30.0, "the others stay behind")])
def test_the_second_component_catches_up_or_stays_behind(behind, expected):
    second = [None] * 2 + [value - behind for value in RISING[2:]]
    verdict = training_verdicts.warm_start({"val_elbo": RISING, "elbo_0": RISING, "elbo_1": second}, 2, 2)
    assert answer(verdict) == expected
    assert f"{behind:g} nats below" in verdict.text


# Length, numbers.


NOISY = np.random.default_rng(0).normal(0.0, 1.0, 40)


@pytest.mark.parametrize(
    ("validation", "expected"),
    [
        (np.linspace(-100.0, -50.0, 20), "no, it still rises"),
        (np.linspace(-104.0, -100.0, 40) + NOISY, "no, it still rises"),  # 0.8 nats in a fifth, and little noise
        (np.linspace(-104.0, -100.0, 40) + 4.0 * NOISY[::-1], "cannot say"),
        (-1000.0 + NOISY, "yes"),  # 0.2% would be seen
        ([*np.linspace(-100.0, -50.0, 10), *([-50.0, -50.1] * 5), -49.95], "yes"),  # the best by noise
        ([*np.linspace(-100.0, -50.0, 10), *[-50.0] * 10], "yes"),
        ([*np.linspace(-100.0, -50.0, 10), *np.linspace(-50.0, -49.9, 10)], "no, still improving"),  # the best last
        (RISING[:2], "too early to say"),
    ],
)
def test_a_training_is_long_enough_if_its_end_is_flat(validation, expected):
    assert answer(training_verdicts.length({"val_elbo": list(validation)})) == expected


def test_the_slope_is_the_one_of_least_squares(rng):
    values, x = rng.normal(size=12), np.arange(12.0)
    design = np.stack([np.ones(12), x], axis=1)
    coefficients, residual, *_ = np.linalg.lstsq(design, values, rcond=None)
    covariance = np.linalg.inv(design.T @ design) * residual / 10.0
    np.testing.assert_allclose(training_verdicts.slope(values), [coefficients[1], covariance[1, 1] ** 0.5])


def test_numbers_that_are_not_finite_are_counted():
    assert training_verdicts.finite({"elbo": RISING, "loss": RISING}) is None
    verdict = training_verdicts.finite({"elbo": [1.0, None, float("nan")]})
    assert "2 epochs of 3" in verdict.text


# Collapse.


@pytest.mark.parametrize(
    ("test", "report", "components", "expected"),
    [
        (TEST, REPORT, 1, "no"),
        (TEST, {}, 1, "no sign in KL alone"),
        (TEST, {**REPORT, "reliance": None}, 1, "no sign in KL alone"),
        ({**TEST, "kl": 0.01}, {}, 1, "yes"),
        (TEST, {**REPORT, "mutual_information": 0.02}, 5, "yes"),
        (TEST, {**REPORT, "reliance": 0.01}, 1, "yes, z is ignored"),
        ({**TEST, "active_units": 0}, {}, 1, "yes"),
        ({**TEST, "active_units": 0}, {}, 5, "no sign in KL alone"),  # the mean of a mixture may be constant
        ({**TEST, "active_units": 1}, {}, 1, "in part"),
        ({}, {}, 1, "not measured"),
    ],
)
def test_collapse_needs_information_in_codes_and_reliance_on_them(test, report, components, expected):
    assert answer(model_verdicts.collapse(test, report, 8, components)) == expected


def test_a_verdict_on_collapse_has_the_kl_and_the_units_of_the_final_numbers():
    verdict = model_verdicts.collapse({"kl": 21.0, "active_units": 7}, REPORT, 8)
    assert "KL(Q || p) is 21 nats" in verdict.text
    assert "7 of 8 latent dimensions" in verdict.text
    assert "KL(Q || p) is 20 nats" in model_verdicts.collapse({}, REPORT, 8).text  # of the report alone


def test_only_a_report_of_many_observations_makes_sure():
    assert model_verdicts.collapse(TEST, REPORT, 8).certainty == SURE
    assert model_verdicts.collapse({**TEST, "kl": 0.001}, {}, 8).certainty == LIKELY
    assert model_verdicts.collapse(TEST, {**REPORT, "num_observations": 20}, 8).certainty == LIKELY
    assert model_verdicts.collapse(TEST, {**REPORT, "reliance": 0.15}, 8).certainty == WEAK


# Components.


def mixture(usage=(0.25,) * 4, information=1.2, bounds=(-50.0, -51.0, -52.0, -50.5)):
    weights = {f"alpha_{m}": value for m, value in enumerate(usage)}
    own = {f"elbo_{m}": value for m, value in enumerate(bounds)}
    return {"component_information": information, "mixing_entropy": 1.386, **weights, **own}


@pytest.mark.parametrize(
    ("test", "expected", "words"),
    [
        (mixture(), "yes", "3.3 separate ones of 4"),
        (mixture(usage=(0.5, 0.49, 0.005, 0.005)), "not all", "Components 2, 3 have almost no weight"),
        (mixture(information=0.01), "no, they are equal", "0.01 nats"),
        (mixture(information=0.2), "in part", "0.20 nats"),
        (mixture(bounds=(-50.0, -9e4, -52.0, -50.5)), "not all", "Component 1 has left the posterior"),
        ({}, "not measured", ""),
    ],
)
def test_components_are_used_if_they_have_weight_and_differ(test, expected, words):
    verdict = model_verdicts.component_use(test, 4)
    assert answer(verdict) == expected
    assert words in verdict.text


def test_one_component_is_no_mixture():
    assert answer(model_verdicts.component_use({}, 1)) == "one component"


# Memorization.


def test_a_small_part_of_the_training_data_is_weak_evidence():
    found = [model_verdicts.memorization(0, 24, 0, 24, searched, 1000).certainty for searched in (100, 950)]
    assert found == [WEAK, LIKELY]


@pytest.mark.parametrize(
    ("copies", "test_copies", "expected"),
    [(0, 0, "no"), (1, 0, "perhaps"), (12, 0, "yes"), (12, 12, "no"), (0, 5, "no")],
)
def test_copies_beyond_the_test_data_are_memorized(copies, test_copies, expected):
    assert answer(model_verdicts.memorization(copies, 24, test_copies, 24, 1000, 1000)) == expected


def test_a_copy_is_told_in_the_words_of_the_data():
    sentences, images = (model_verdicts.memorization(0, 24, 0, 24, 900, 1000, kind) for kind in ("sentence", "image"))
    assert "equal to a training sentence" in sentences.threshold
    assert "image" not in sentences.threshold
    assert "the nearest training image" in images.threshold
    assert "sentence" not in images.threshold


def test_nothing_compared_is_not_measured():
    assert answer(model_verdicts.memorization(0, 0, 0, 0, 0, 0)) == "not measured"


def test_certainty_grows_with_the_margin_and_has_a_limit():
    assert [certainty(margin) for margin in (1.0, 3.0, 10.0)] == [WEAK, LIKELY, SURE]
    assert certainty(100.0, most=LIKELY) == LIKELY
