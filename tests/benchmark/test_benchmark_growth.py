"""A training step is measured at growing sizes, and compared with growth in proportion."""

import dataclasses

import pytest

from rme_tf.benchmark import growth
from rme_tf.benchmark.contenders import Contender, Sizes, model_of

TINY = Sizes(side=4, units=(3,), latent_dim=2, batch_size=2)


@pytest.mark.parametrize("name", growth.AXES)
def test_one_size_grows_and_the_others_stay(name):
    axis = growth.AXES[name]
    found = growth.cases(axis, Contender(components=5))
    assert [value for value, *_ in found] == list(axis.values)
    for value, contender, sizes in found:
        both = {**dataclasses.asdict(contender), **dataclasses.asdict(sizes)}
        expected = {**dataclasses.asdict(Contender(components=5)), **dataclasses.asdict(axis.sizes), axis.of: value}
        assert both == expected
    assert [value for value, *_ in growth.cases(axis, Contender(), most=axis.values[1])] == list(axis.values[:2])


def test_growth_in_proportion_is_one():
    numbers = [
        {"value": 32, "seconds": [1.0, 2.0, 3.0], "peak MiB": 100.0},
        {"value": 64, "seconds": [8.0, 8.0, 9.0], "peak MiB": 200.0},
    ]
    first, second = growth.rows("pixels on a side", "RME", numbers)
    assert (first["CPU ms"], second["CPU ms"]) == (2000.0, 8000.0)
    assert "times in proportion" not in first
    assert second["times in proportion"] == 1.0  # of four times more
    assert growth.rows("components M", "RME", numbers)[1]["times in proportion"] == 2.0


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
def test_seconds_are_of_a_step_in_every_round():
    seconds = growth.seconds_of_a_step(Contender(), TINY, 2, 3)
    assert len(seconds) == 3
    assert min(seconds) > 0.0
    assert model_of(Contender(), TINY).num_components == 1
