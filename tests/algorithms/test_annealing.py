import math

import keras
import numpy as np
import pytest

from rme_tf.algorithms.kl_annealing import ANNEALINGS, CyclicalAnnealing, LinearAnnealing, SigmoidAnnealing

every_annealing = pytest.mark.parametrize("name", sorted(ANNEALINGS))


def weights(annealing, steps):
    return np.array([float(annealing(step)) for step in steps])


def test_the_linear_one_is_a_line_and_then_flat():
    np.testing.assert_allclose(weights(LinearAnnealing(steps=10), [0, 1, 5, 10, 11, 10**6]), [0, 0.1, 0.5, 1, 1, 1])
    he = LinearAnnealing(steps=10, start=0.1)
    np.testing.assert_allclose(weights(he, [0, 5, 10]), [0.1, 0.55, 1.0], rtol=1e-6)


def test_the_sigmoid_one_is_symmetric_about_its_middle():
    annealing = SigmoidAnnealing(steps=100)
    np.testing.assert_allclose(weights(annealing, [0, 50, 100]), [0.005, 0.5, 0.995], atol=1e-5)
    np.testing.assert_allclose(weights(annealing, [30])[0] + weights(annealing, [70])[0], 1.0, rtol=1e-6)


def test_the_cyclical_one_repeats_and_then_rests():
    annealing = CyclicalAnnealing(steps=10, cycles=2, rise=0.5)
    expected = [0, 0.2, 0.4, 0.6, 0.8, 1, 1, 1, 1, 1]
    np.testing.assert_allclose(weights(annealing, range(20)), expected * 2, atol=1e-6)
    np.testing.assert_array_equal(weights(annealing, [20, 21, 35]), 1.0)


@every_annealing
def test_weights_stay_between_start_and_end(name):
    values = weights(ANNEALINGS[name](steps=7, start=0.2, end=0.7), range(40))
    assert values.min() >= 0.2 - 1e-6
    assert values.max() <= 0.7 + 1e-6
    assert values[-1] == pytest.approx(0.7, abs=0.01)


@every_annealing
def test_a_delay_is_at_the_start_and_then_moves_the_rise(name):
    prompt, late = (ANNEALINGS[name](steps=7, start=0.2, delay=delay) for delay in (0, 5))
    np.testing.assert_array_equal(weights(late, range(5)), np.float32(0.2))
    np.testing.assert_array_equal(weights(late, range(5, 45)), weights(prompt, range(40)))


@every_annealing
@pytest.mark.parametrize("ends", [(0.0, 1.0), (1.0, 0.25), (0.5, 0.5)])
def test_a_schedule_is_over_from_the_step_on_after_which_the_weight_stays(name, ends):
    start, end = ends
    annealing = ANNEALINGS[name](steps=7, start=start, end=end, delay=3)
    steps = range(50)
    away = np.abs(weights(annealing, steps) - end) > 0.01 * abs(end - start) + 1e-6
    last = max(np.flatnonzero(away), default=-1)
    over = [annealing.is_over(step) for step in steps]
    assert over == sorted(over)  # once and for all
    assert over[-1]
    assert not any(over[: last + 1])
    if start != end:
        assert over.index(True) <= last + 2 + annealing.steps  # the end of the cycle, which rests at `end`


@every_annealing
def test_the_configuration_survives(name):
    annealing = ANNEALINGS[name](steps=7, start=0.2, end=0.7, delay=3)
    assert keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(annealing)) == annealing


@every_annealing
@pytest.mark.parametrize(
    ("choices", "message"),
    [({"steps": 0}, "`steps`"), ({"delay": -1}, "`delay`"), ({"start": -0.1}, "`start`"), ({"end": math.nan}, "`end`")],
)
def test_numbers_out_of_range_raise(name, choices, message):
    with pytest.raises(ValueError, match=message):
        ANNEALINGS[name](**{"steps": 5, **choices})


@pytest.mark.parametrize(("choices", "message"), [({"cycles": 0}, "`cycles`"), ({"rise": 0.0}, "`rise`")])
def test_cycles_out_of_range_raise(choices, message):
    with pytest.raises(ValueError, match=message):
        CyclicalAnnealing(steps=5, **choices)
