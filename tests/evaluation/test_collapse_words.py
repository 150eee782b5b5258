"""A report of collapse in words: signs, how sure they are, and remedies that are not on."""

import dataclasses
import itertools

import numpy as np
import pytest

from rme_tf import ELBO, Aggressive, FreeBits, LinearAnnealing, RecursiveMixture, SubsetELBO, algorithms
from rme_tf.evaluation import diagnostics
from rme_tf.evaluation.collapse import collapse_report
from rme_tf.evaluation.collapse_advice import Advice, advice_for, advise
from rme_tf.evaluation.collapse_signs import Measure, signs_of_collapse
from test_monitor import built


@pytest.fixture(scope="module")
def healthy(tiny_model):
    """The report of a mixture of two whose decoder uses its codes."""
    x = np.random.default_rng(0).integers(0, 2, (32, 5)).astype("float32")
    return collapse_report(built(tiny_model), x)


def test_a_healthy_report_has_no_sign(healthy):
    assert signs_of_collapse(healthy) == {}
    summary = healthy.summary()
    for part in (
        "32 observations; ± is one standard error.",
        "5 of 5 are active",
        "2 of 2 are in use (uniform weights)",
        "of at most log N = 3.47",
        "No sign of collapse.",
    ):
        assert part in summary
    assert "Try" not in summary
    assert str(healthy) == summary
    assert repr(healthy).startswith("CollapseReport(32 observations, kl=")
    assert len(repr(healthy)) < 160


def test_weights_that_differ_between_observations_are_not_uniform_if_their_means_are_equal(healthy):
    varied = dataclasses.replace(healthy, mixing_entropy=0.5)
    assert "2 of 2 are in use (mean weights 0.50)" in varied.summary()


@pytest.mark.parametrize(("value", "text"), [(-0.0004, "about 0 nats"), (0.0, "0.00 nats"), (0.25, "0.25 nats")])
def test_an_information_below_0_is_about_0(healthy, value, text):
    report = dataclasses.replace(healthy, component_information=value, component_kl=np.zeros((2, 2)))
    assert report.summary().count(f"I(m; z|x) is {text}") == 2  # of the components, and in the sign that two are equal


@pytest.mark.usefixtures("eagerly")
def test_a_posterior_away_from_the_prior_that_does_not_look_at_x_has_collapsed(tiny_model, binary_data):
    report = collapse_report(built(tiny_model, slope=0.0, offset=1.0), binary_data(32))
    assert report.kl > 1.0
    sign = signs_of_collapse(report)["Posterior collapse"]
    assert sign.certain
    assert "I(x; z) is" in sign.evidence  # not the KL, which is large
    assert "0 of 5 are active" in report.summary()
    assert "Unused: 0, 1, 2, 3, 4." in report.summary()


@pytest.mark.usefixtures("eagerly")
def test_components_that_are_all_the_prior_are_no_second_sign(tiny_model, binary_data):
    """That they are alike follows from the collapse of the posterior, and has its remedies."""
    report = collapse_report(built(tiny_model, slope=0.0, offset=0.0), binary_data(32))
    assert set(signs_of_collapse(report)) == {"Posterior collapse"}


@pytest.mark.usefixtures("eagerly")
def test_equal_components_are_told_but_not_in_a_warm_start(tiny_model, binary_data):
    model, x = built(tiny_model, offset=0.0), binary_data(32)
    report = collapse_report(model, x)
    (sign,) = signs_of_collapse(report).values()
    assert "KL between components 0 and 1 is 0.00 ± 0 nats (32 observations" in str(sign)
    assert "`algorithm='recursive_mixture'`" in str(sign)  # it trains by the ELBO
    assert "Identical components: Two components are equal" in report.summary()
    assert signs_of_collapse(report, warming=True) == {}
    model.num_active.assign(1)
    early = collapse_report(model, x)
    assert signs_of_collapse(early) == {}
    assert "Early: the warm start is not over: only component 0 of 2 is in use." in early.summary()
    assert "Components:" not in early.summary()


def test_a_component_without_weight_is_told(healthy):
    low = dataclasses.replace(healthy, usage=np.array([0.985, 0.015]), usage_standard_error=np.array([0.001, 0.001]))
    (sign,) = signs_of_collapse(low).values()
    assert "The mean weight of component 1 is 0.0150 ± 0.0010" in sign.evidence
    assert sign.certain
    assert "1 of 2 are in use" in low.summary()
    vague = dataclasses.replace(low, usage_standard_error=np.array([0.004, 0.004]))
    assert not signs_of_collapse(vague)["Component collapse"].certain
    assert "Component collapse, perhaps: " in vague.summary()
    assert "which is not certain" in vague.summary()


def test_many_components_of_equal_weight_have_not_collapsed(healthy):
    kl, errors = np.full((64, 64), 5.0), {"usage_standard_error": None, "component_kl_standard_error": None}
    many = dataclasses.replace(healthy, usage=np.full(64, 1 / 64), component_kl=kl, **errors)
    assert signs_of_collapse(many) == {}


def test_means_that_cancel_are_no_collapse(healthy):
    assert signs_of_collapse(dataclasses.replace(healthy, active_units=0)) == {}


@pytest.mark.parametrize(
    ("reliance", "of_probabilities", "expected"),
    [
        (0.05, True, "The decoder ignores z"),
        (0.49, True, "The decoder nearly ignores z"),  # below 1% of 50 nats
        (0.51, True, None),
        (0.49, False, None),  # nats of a density depend on the units
    ],
)
def test_reliance_is_low_in_itself_or_next_to_the_nats_of_an_observation(healthy, reliance, of_probabilities, expected):
    values = {"reliance": reliance, "reliance_standard_error": 0.001, "kl": 2.0, "reconstruction": -50.0}
    report = dataclasses.replace(healthy, **values, of_probabilities=of_probabilities)
    assert list(signs_of_collapse(report)) == ([] if expected is None else [expected])
    assert ("below 0.50 nearly so" in report.summary()) == of_probabilities


def test_pixels_and_tokens_have_probabilities(healthy):
    assert healthy.of_probabilities  # Bernoulli
    assert "of_probabilities" not in healthy.as_dict()


@pytest.mark.parametrize(("value", "error", "certain"), [(0.05, 0.02, True), (0.05, 0.03, False), (0.05, 0.0, True)])
def test_certain_is_two_standard_errors(value, error, certain):
    measure = Measure("I(x; z)", value, error, 0.1)
    assert measure.is_low
    assert measure.is_certain == certain
    text = measure.in_words(500)
    assert "(500 observations; ± is one standard error), below the threshold of 0.1" in text
    assert ("standard errors" in text.partition("threshold")[2]) == (error > 0.0)


# Remedies.

REMEDIES = {
    "kl_weight": (LinearAnnealing(steps=10), 1.0, "a rising KL weight"),
    "free_bits": (FreeBits(nats=0.25), None, "free bits"),
    "aggressive": (Aggressive(), None, "aggressive training"),
}


@pytest.mark.parametrize("on", list(itertools.product([False, True], repeat=3)), ids=str)
def test_a_remedy_that_is_on_is_named_and_not_advised(tiny_model, on):
    model = tiny_model(1)
    settings = {name: REMEDIES[name][0 if is_on else 1] for name, is_on in zip(REMEDIES, on, strict=True)}
    model.compile("sgd", ELBO(**settings))
    advice = advice_for(model)
    text = advise(advice.codes, advice.on, "A weaker decoder.")
    tried, _, already = text.partition("Already on:")
    for (_, _, words), is_on in zip(REMEDIES.values(), on, strict=True):
        assert (words in already) == is_on
        assert (words in tried) == (not is_on)
    assert ("A weaker decoder." in text) == all(on)
    assert len(advice.unsettled) == on[0]  # the KL weight has not risen yet


@pytest.mark.parametrize("name", sorted(algorithms.ALGORITHMS))
def test_a_remedy_that_an_algorithm_refuses_is_not_advised(tiny_model, name):
    model = tiny_model(2)
    model.compile("sgd", name)
    text = " ".join(advice_for(model).codes)
    for setting, (_, _, words) in REMEDIES.items():
        assert (words in text) == (setting in model.algorithm.honors)


@pytest.mark.parametrize(
    ("weight", "advised"), [(4.0, True), (LinearAnnealing(steps=5, end=4.0), True), (1.0, False), (0.5, False)], ids=str
)
def test_a_large_kl_weight_is_the_first_thing_to_change(tiny_model, weight, advised):
    model = tiny_model(1)
    model.compile("sgd", ELBO(kl_weight=weight))
    assert advice_for(model).codes[0].startswith("a smaller KL weight than 4") == advised


def test_remedies_of_components_are_of_the_model(tiny_model):
    def advised(algorithm, **choices):
        model = tiny_model(2, **choices)
        model.compile("sgd", algorithm)
        return " ".join(advice_for(model).components)

    learned = advised(RecursiveMixture(kl_bound=2.0), mixing="learned")
    assert all(part in learned for part in ("uniform weights", "eps_min", "`kl_bound` over 2 ", "`warm_start_noise`"))
    assert "recursive_mixture" not in learned
    assert "uniform" not in advised(RecursiveMixture())
    assert "kl_bound" not in advised(RecursiveMixture(bound="none"))
    assert "warm_start_noise" not in advised(RecursiveMixture(warm_start_epochs=0))
    assert advised(SubsetELBO()).startswith("`algorithm='recursive_mixture'`")


def test_a_model_that_is_not_compiled_gets_all_remedies(tiny_model):
    advice = advice_for(tiny_model(1))
    assert len(advice.codes) == len(REMEDIES)
    assert advice.on == advice.components == advice.unsettled == ()
    assert advise((), (), "") == ""
    assert Advice().codes == ()


@pytest.mark.parametrize(("rate", "advised"), [(0.0, True), (0.3, False)])
def test_word_dropout_is_a_remedy_for_sentences(tiny_model, rate, advised):
    class Decoder:
        config = {"word_dropout": rate}  # noqa: RUF012

    class Sentences:
        decoder, num_components = Decoder(), 1

    advice = advice_for(Sentences())
    assert ("word dropout" in " ".join(advice.codes)) == advised
    assert ("word dropout" in " ".join(advice.on)) == (not advised)


# Standard errors.


def test_a_standard_error_is_the_spread_of_means(rng):
    means = [rng.normal(size=(50, 2)).mean(axis=0) for _ in range(4000)]
    expected = np.std(means, axis=0)  # to 1 %
    found = np.mean([diagnostics.standard_error(rng.normal(size=(50, 2))) for _ in range(400)], axis=0)
    np.testing.assert_allclose(found, expected, rtol=0.06)
    assert np.isnan(diagnostics.standard_error([1.0]))
    assert isinstance(diagnostics.standard_error([1.0, 2.0]), float)


@pytest.mark.slow
def test_the_errors_of_a_report_are_the_spread_over_other_observations(tiny_model):
    """60 reports on 100 of 3,200 random observations each: their spread is known to 9 %."""
    model = tiny_model(2, mixing="learned", spread=1.0)
    x = np.random.default_rng(3).integers(0, 2, (6000, 5)).astype("float32")
    reports = [collapse_report(model, x[100 * i : 100 * i + 100], seed=i, batch_size=100) for i in range(60)]
    for name in ("kl", "mutual_information", "reliance"):
        spread = np.std([getattr(report, name) for report in reports], ddof=1)
        errors = np.mean([getattr(report, f"{name}_standard_error") for report in reports])
        assert errors == pytest.approx(spread, rel=0.35), name
    for name in ("usage", "component_kl"):
        spread = np.std([getattr(report, name) for report in reports], axis=0, ddof=1)
        errors = np.mean([getattr(report, f"{name}_standard_error") for report in reports], axis=0)
        np.testing.assert_allclose(errors, spread, rtol=0.35, atol=1e-6, err_msg=name)
