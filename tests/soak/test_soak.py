"""The parts of `make soak`, in their short form."""

import pytest

import soak

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("part", soak.PARTS)
def test_every_fault_of_a_part_is_survived(part):
    rows = soak.rows_of(part, short=True)
    assert rows
    for row in rows:
        assert row["survived"] == row["tried"] > 0, row
