"""Malformed inputs, each of which is refused in a sentence of the library or taken with a right result."""

import collections
import pathlib
import tempfile

import fuzz

COUNT, SHORT = 2_000, 60


def rows(short: bool) -> list[dict]:
    """Returns the malformed inputs of each area."""
    with tempfile.TemporaryDirectory() as folder:
        cases = fuzz.run(0, SHORT if short else COUNT, folder=pathlib.Path(folder))
    tried = collections.Counter(case["area"] for case in cases)
    good = collections.Counter(case["area"] for case in cases if case["kind"] in fuzz.GOOD)
    return [{"fault": f"malformed {area}", "tried": tried[area], "survived": good[area]} for area in sorted(tried)]
