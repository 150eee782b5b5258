"""Verdicts on a whole run: smoke runs, noise, and what one verdict says of another."""

import pytest

from rme_tf.experiments.pages import data_verdicts, final_numbers
from rme_tf.experiments.pages.run_verdicts import Judged, verdicts_of
from rme_tf.experiments.pages.verdict import GOOD, LIKELY, UNSURE, WEAK

TEST = {"kl": 66.6, "active_units": 64, "bits_per_dimension": 3.1, "num_observations": 1000}
MIXTURE = {"alpha_0": 0.5, "alpha_1": 0.5, "component_information": 0.69, "mixing_entropy": 0.693}
REPORT = {"kl": 66.6, "mutual_information": 5.0, "reliance": 900.0, "active_units": 64, "num_observations": 1000}
TEXT = {"perplexity_per_token": 30.0}
RISING_WEIGHT, AGGRESSIVE = "a rising KL weight", "aggressive training of the encoders"
DROPOUT = "word dropout in the decoder"
RISING = [-9.0, -8.0, -7.5, -7.4, -7.4, -7.4]


def record_of(likelihood="discretized_logistic", data=None, smoke=False, **test):
    config = {"smoke": smoke, "likelihood": {"name": likelihood}}
    return {"config": config, "epochs": 2, "data": data or {}, "metrics": {"test": {**TEST, **MIXTURE, **test}}}


def judged(record, **fields):
    report = {**REPORT, **fields}
    return {v.question: v for v in verdicts_of(Judged(record, {"val_elbo": RISING}, report, 2, 64, 0, steps=12))}


def test_a_smoke_run_says_so_first_and_praises_nothing():
    verdicts = judged(record_of(smoke=True))
    first = next(iter(verdicts.values()))
    assert (first.question, first.answer) == ("A smoke run:", "too early to say")
    assert "12 training steps" in first.text
    assert not [verdict for verdict in verdicts.values() if verdict.tone == GOOD]
    assert judged(record_of(smoke=True), reliance=-1.6)["Collapsed?"].answer == "yes, z is ignored"
    assert not judged(record_of(smoke=True), reliance=-1.6)["Collapsed?"].remedy
    assert [verdict.answer for verdict in judged(record_of()).values() if verdict.tone == GOOD]


@pytest.mark.parametrize(
    ("likelihood", "bits", "words"),
    [
        ("discretized_logistic", 8.59, "8.59 bits per dimension; a uniform distribution over 256 levels has 8."),
        ("discretized_logistic", 7.99, None),
        ("bernoulli", 1.0, "a uniform distribution over 0 and 1 has 1."),
        ("bernoulli", 0.99, None),
        ("normal", 8.1, "has 8."),
        ("student_t", None, None),
    ],
)
def test_pixels_are_compared_with_uniform_noise(likelihood, bits, words):
    verdict = data_verdicts.noise(record_of(likelihood, bits_per_dimension=bits))
    assert (verdict is None) == (words is None)
    assert verdict is None or (words in verdict.text and verdict.answer == "no, worse than uniform noise")


@pytest.mark.parametrize(("perplexity", "worse"), [(420.0, True), (400.0, False)])
def test_tokens_are_compared_with_a_uniform_vocabulary(perplexity, worse):
    data = {"vocabulary_size": 411}
    test = {"bits_per_dimension": None, "perplexity_per_token": perplexity}
    assert (data_verdicts.noise(record_of("categorical_sequence", data, **test)) is not None) == worse


@pytest.mark.parametrize(
    ("likelihood", "reliance", "error", "expected"),
    [
        ("categorical_sequence", 0.236, 0.144, ("nearly", WEAK)),  # of 49.3 nats: 1% is 0.493
        ("categorical_sequence", 0.236, 0.05, ("nearly", LIKELY)),
        ("categorical_sequence", 0.48, 0.001, ("nearly", LIKELY)),
        ("categorical_sequence", 0.50, 0.001, ("no", LIKELY)),
        ("normal", 0.48, 0.001, ("no", LIKELY)),  # nats of a density have no scale
    ],
)
def test_a_decoder_that_makes_little_of_the_code_is_nearly_collapsed(likelihood, reliance, error, expected):
    record = record_of(likelihood, log_likelihood=-49.3)
    verdicts = judged(record, reliance=reliance, reliance_standard_error=error)
    verdict = verdicts["Collapsed?"]
    assert (verdict.answer, verdict.certainty) == expected
    assert ("of the 49.3 nats of an observation" in verdict.text) == (likelihood != "normal")


@pytest.mark.parametrize(("test", "advised"), [({}, False), ({"perplexity_per_token": 30.0}, True)])
def test_word_dropout_is_a_remedy_of_texts(test, advised):
    remedy = judged(record_of(**test), reliance=0.01)["Collapsed?"].remedy
    assert "free bits" in remedy
    assert ("word dropout" in remedy) == advised


ALL_ON = {
    "algorithm": {"name": "elbo", "kl_weight": {"name": "linear", "end": 1.0}, "free_bits": {"nats": 0.25}},
    "decoder": {"name": "lstm", "word_dropout": 0.3},
}
FLAT = {"algorithm": "elbo", "annealing": "linear", "kl_weight": 1.0, "free_bits": 0.25, "word_dropout": 0.3}
PLAIN = {"algorithm": {"name": "elbo", "kl_weight": {"name": None, "end": 1.0}, "free_bits": None, "aggressive": None}}


@pytest.mark.parametrize(
    ("config", "test", "expected"),
    [
        (ALL_ON, TEXT, f"Try {AGGRESSIVE}. Already on: {RISING_WEIGHT}, free bits and {DROPOUT}."),
        (FLAT, TEXT, f"Try {AGGRESSIVE}. Already on: {RISING_WEIGHT}, free bits and {DROPOUT}."),
        (PLAIN, TEXT, f"Try {RISING_WEIGHT}, free bits, {AGGRESSIVE} or {DROPOUT}."),
        (PLAIN, {}, f"Try {RISING_WEIGHT}, free bits or {AGGRESSIVE}."),
        ({"algorithm": {"name": "renyi", "kl_weight": {"name": None}}}, {}, f"Try {RISING_WEIGHT} or {AGGRESSIVE}."),
        (
            {**PLAIN, "binarization": "none"},
            {},
            f"Try {RISING_WEIGHT}, free bits, {AGGRESSIVE}, another network of the encoders or the decoder, another "
            "likelihood or more epochs.",
        ),
    ],
    ids=["all on", "flat", "text", "table", "refused", "images"],
)
def test_a_remedy_that_is_on_is_named_and_not_advised(config, test, expected):
    record = record_of(**test)
    record["config"] |= config
    assert judged(record, reliance=0.01)["Collapsed?"].remedy == expected


@pytest.mark.parametrize(("count", "expected"), [(999, True), (1000, False)])
def test_more_sentences_are_advised_where_they_are_few(count, expected):
    record = record_of(**TEXT)
    record["data"] = {"train": {"num_rows": count}}
    assert judged(record, reliance=0.01)["Collapsed?"].remedy.startswith("Try more training sentences,") is expected


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"mixing": {"name": "uniform"}, "algorithm": {"name": "recursive_mixture", "warm_start_epochs": 3}}, (2, 3)),
        ({"mixing": {"name": "learned"}, "algorithm": {"name": "recursive_mixture", "warm_start_epochs": 0}}, (0, 2)),
        ({"mixing": "uniform", "algorithm": "subset_elbo", "warm_start_epochs": 0}, (1,)),
        ({"mixing": "uniform", "algorithm": "recursive_mixture", "bound": "none", "warm_start_epochs": 0}, ()),
    ],
    ids=["uniform", "learned", "other", "none"],
)
def test_remedies_of_components_are_of_the_configuration(config, expected):
    record = record_of(component_information=0.001)
    record["config"] |= config
    remedy = judged(record)["Components used?"].remedy
    words = ("uniform weights", "`recursive_mixture`", "a larger `kl_bound`", "more noise")
    assert tuple(index for index, word in enumerate(words) if word in remedy) == expected
    assert remedy


def test_components_are_not_used_if_the_decoder_ignores_z():
    assert judged(record_of())["Components used?"].answer == "yes"
    verdict = judged(record_of(), reliance=0.01)["Components used?"]
    assert (verdict.answer, verdict.certainty) == ("by the encoders alone", "")
    equal = judged(record_of(component_information=0.001), reliance=0.01)
    assert equal["Components used?"].answer == "no, they are equal"


def test_nothing_is_praised_without_the_reliance_on_z():
    """The KL divergence of a decoder that ignores z may be large."""
    bare = verdicts_of(Judged(record_of(log_likelihood=-4000.0), {"val_elbo": RISING}, {}, 2, 64, 0))
    collapse, use = (next(v for v in bare if v.question == name) for name in ("Collapsed?", "Components used?"))
    assert (collapse.answer, collapse.tone, collapse.certainty) == ("no sign in KL alone", UNSURE, "")
    assert (use.answer, use.tone, use.certainty) == ("in the posterior, at least", UNSURE, "")
    assert "reliance on z" in collapse.text
    measured = judged(record_of(log_likelihood=-4000.0))
    assert [measured[name].tone for name in ("Collapsed?", "Components used?")] == [GOOD, GOOD]
    equal = verdicts_of(Judged(record_of(component_information=0.001), {}, {}, 2, 64, 0))
    assert next(v for v in equal if v.question == "Components used?").answer == "no, they are equal"


@pytest.mark.parametrize(("test", "train", "many"), [(0.243, 0.14, True), (0.01, 0.06, True), (0.05, 0.01, False)])
def test_many_unknown_tokens_are_named_with_a_flag(test, train, many):
    record = record_of("categorical_sequence", {"test": {"unknown_rate": test}, "train": {"unknown_rate": train}})
    verdict = data_verdicts.unknown_tokens(record)
    assert (verdict is not None) == many
    if verdict is not None:
        assert f"{test:.0%} of the test tokens and {train:.0%} of the training tokens are unknown" in verdict.text
        assert "`--tokenizer unigram`" in verdict.remedy
    assert data_verdicts.unknown_tokens(record_of(data={"test": 30, "train": 240})) is None


@pytest.mark.parametrize(
    ("rmse", "wrong", "cells", "expected"),
    [
        (0.81, 0.583, 42, ("in part", WEAK)),
        (0.81, 0.40, 420, ("yes", LIKELY)),
        (0.95, 0.583, 420, ("no", LIKELY)),
        (0.81, None, 420, ("yes", LIKELY)),  # no levels
    ],
)
def test_imputed_cells_are_compared_with_constants(rmse, wrong, cells, expected):
    scores = {"rmse_of_model": rmse, "rmse_of_constant": 0.912, "hidden_cells": cells}
    if wrong is not None:
        scores |= {"wrong_levels_of_model": wrong, "wrong_levels_of_constant": 0.5}
    record = record_of("columns", imputation=scores)
    verdict = data_verdicts.imputation(record)
    assert (verdict.answer, verdict.certainty) == expected
    assert f"the RMSE of numbers is {rmse:.2f} (0.91 with the column's mean)" in verdict.text
    rows = {row.name: row for row in final_numbers.metric_rows(record)}
    assert rows["RMSE of hidden cells"].values[0] == f"{rmse:.3f}"
    assert "0.912 by the column's mean" in rows["RMSE of hidden cells"].meaning
    assert ("wrong levels of hidden cells" in rows) == (wrong is not None)


def test_imputed_cells_are_compared_by_column():
    columns = {
        "age": {"hidden_cells": 30, "rmse_of_model": 0.7, "rmse_of_constant": 1.0},
        "city": {"hidden_cells": 12, "wrong_levels_of_model": 0.5, "wrong_levels_of_constant": 0.4},
        "visits": {"hidden_cells": 0},
    }
    scores = {"rmse_of_model": 0.7, "rmse_of_constant": 1.0, "hidden_cells": 42, "columns": columns}
    verdict = data_verdicts.imputation(record_of("columns", imputation=scores))
    assert verdict.text.endswith(" It is ahead in 1 of 2 columns, not in city (0.50, 0.40).")
    age, city = final_numbers.column_errors(scores)
    assert (age.name, age.cells, age.model, age.constant) == ("age", 30, 0.7, 1.0)
    assert city.meaning == "share of levels; by the most frequent level"
    del columns["city"]
    verdict = data_verdicts.imputation(record_of("columns", imputation=scores))
    assert verdict.text.endswith(" It is ahead in 1 of 1 columns.")


def test_scores_of_hidden_pixels_have_no_constant():
    record = record_of(imputation={"drawn": -20.0, "weighted": -15.0, "hidden_pixels": 392.0})
    assert data_verdicts.imputation(record) is None
    assert "RMSE of hidden cells" not in {row.name for row in final_numbers.metric_rows(record)}
