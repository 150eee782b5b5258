"""Malformed inputs in short: every area, and that the fuzzer sees faults."""

import pathlib
import re

import numpy as np
import pytest

import fuzz
import fuzz_areas
import fuzz_calls
import rme_tf

CASES = 64  # of the soak test's 2,000: each area once at least


@pytest.mark.slow
def test_malformed_inputs_are_refused_in_sentences_or_taken(tmp_path):
    found = fuzz.run(0, CASES, folder=tmp_path)
    assert {case["area"] for case in found} == set(fuzz_areas.AREAS)
    assert [case for case in found if case["kind"] not in fuzz.GOOD] == []
    assert {case["kind"] for case in found} == set(fuzz.GOOD)


def test_every_public_name_is_called_or_named_with_a_reason():
    known = {name.split(",")[0] for name in fuzz_calls.FUNCTIONS} | fuzz_calls.INSTANCES | set(fuzz_calls.ELSEWHERE)
    assert set(rme_tf.__all__) - known == set()


def raising(error):
    def call():
        raise error

    return call


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        (lambda: rme_tf.lookup({"a": 1}, "a", "letter"), "success"),
        (lambda: rme_tf.lookup({"a": 1}, "b", "letter"), "refused"),
        (lambda: np.zeros(2).reshape(3), "raw"),
        (raising(KeyError("x")), "raw"),
        (raising(ValueError("Expected a sentence of the library. Received: one of the test.")), "raw"),
        (raising(TimeoutError("longer than 1 s")), "hang"),
    ],
)
def test_the_kinds_of_outcomes(call, kind):
    assert fuzz.run_case(fuzz.Case("", call)).kind == kind


def test_wrong_results_and_files_after_a_refusal_are_seen(tmp_path):
    wrong = fuzz.Case("", lambda: np.nan, fuzz_calls.without_nan)
    assert fuzz.run_case(wrong).kind == "wrong"

    def half() -> None:
        (tmp_path / "out").mkdir()
        pathlib.Path(tmp_path / "out" / "file").touch()
        rme_tf.lookup({}, "b", "letter")

    assert fuzz.run_case(fuzz.Case("", half, outputs=(tmp_path / "out",))).kind == "half-written"


def test_a_number_is_the_same_case_each_time():
    areas = fuzz_areas.order(fuzz_areas.AREAS)
    for number in range(len(areas)):
        if areas[number] in ("command", "flags", "recipes"):
            draw = fuzz_areas.AREAS[areas[number]].draw
            drawn = (draw(np.random.default_rng([0, number]), None).text for _ in range(2))
            texts = [re.sub(r"_\d+", "", text) for text in drawn]  # Keras counts the names of variables
            assert texts[0] == texts[1]
