"""Evaluations that resume from a file of finished batches."""

import numpy as np
import pytest

from rme_tf.evaluation import annealed_importance, bidirectional_bounds
from rme_tf.evaluation.annealing import settings as annealed_settings
from rme_tf.evaluation.annealing.chains import Chains
from rme_tf.evaluation.finished_batches import FinishedBatches

FEW = {"num_temperatures": 3, "num_chains": 3, "num_leapfrog_steps": 2, "batch_size": 2, "progress": False}
SETTINGS = {"kind": "test", "num_chains": 3}


@pytest.fixture(autouse=True)
def _short_pilot_runs(monkeypatch):
    monkeypatch.setattr(annealed_settings, "LEAST_PILOT", 3)
    monkeypatch.setattr("rme_tf.evaluation.annealing.chains.NUM_FIRST", 2)


CALLS = {
    "annealed_importance": lambda model, x, **options: annealed_importance(model, x, **{**FEW, **options}),
    "bidirectional_bounds": lambda model, x, **options: bidirectional_bounds(model, len(x), **{**FEW, **options}),
}


@pytest.fixture
def stopping(monkeypatch):
    """Stops an evaluation in its third batch."""
    calls, forward = [], Chains.forward

    def interrupted(self, log_steps):
        calls.append(len(self.x))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return forward(self, log_steps)

    monkeypatch.setattr(Chains, "forward", interrupted)
    return calls


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("name", sorted(CALLS))
def test_a_resumed_evaluation_is_the_whole_one_bit_for_bit(name, tiny_model, binary_data, tmp_path, stopping):
    model, x, path = tiny_model(2), binary_data(5), tmp_path / "new" / "ais.npz"
    with pytest.raises(KeyboardInterrupt):
        CALLS[name](model, x, path=path)
    with np.load(path) as file:
        assert file["acceptance"].shape == (4, 3)
    resumed = CALLS[name](model, x, path=str(path))
    assert stopping == [2, 2, 1, 1]  # no finished batch again
    whole = CALLS[name](model, x)
    read = CALLS[name](model, x, path=path)
    assert len(stopping) == 7
    for values in zip(whole, resumed, read, strict=True):
        assert len(values[0]) == 5
        np.testing.assert_array_equal(values[1], values[0])
        np.testing.assert_array_equal(values[2], values[0])
    assert [file.name for file in path.parent.iterdir()] == ["ais.npz"]


@pytest.mark.usefixtures("eagerly")
def test_a_file_of_others_is_refused(tiny_model, binary_data, tmp_path):
    model, x, path = tiny_model(2), binary_data(3), tmp_path / "ais.npz"
    call = CALLS["annealed_importance"]
    call(model, x, path=path)
    with pytest.raises(ValueError, match=r"`path` must be a new file, .* with num_chains 3 there. Choose another"):
        call(model, x, path=path, num_chains=4)
    with pytest.raises(ValueError, match="with weights '.*' there"):
        call(tiny_model(2, seed=1), x, path=path)
    with pytest.raises(ValueError, match="`path` must have results for these observations, from batch 1 on"):
        call(model, np.concatenate([x[:2], 1.0 - x[2:]]), path=path)
    with pytest.raises(ValueError, match=r"`path` must have results for these 1 batches. Received: .* with 2 batches"):
        call(model, x[:2], path=path)
    with pytest.raises(ValueError, match="kind 'annealed_importance' there"):
        CALLS["bidirectional_bounds"](model, x, path=path)


def test_a_path_that_cannot_be_one_is_refused_before_any_work(tmp_path):
    with pytest.raises(ValueError, match="`path` must be a file. Received: .*, which is a directory"):
        FinishedBatches(tmp_path, SETTINGS)
    (tmp_path / "text.npz").write_text("no archive", encoding="utf-8")
    with pytest.raises(ValueError, match=r"`path` must be a new file, .*text.npz, another file."):
        FinishedBatches(tmp_path / "text.npz", SETTINGS)
    np.savez(tmp_path / "other.npz", values=np.zeros(3))
    with pytest.raises(ValueError, match=r"other.npz, another file."):
        FinishedBatches(tmp_path / "other.npz", SETTINGS)
    with pytest.raises(ValueError, match="`folder of path` must be a directory that can be written"):
        FinishedBatches(tmp_path / "text.npz" / "ais.npz", SETTINGS)


def test_batches_of_several_sizes_are_kept_apart(tmp_path):
    path, parts = tmp_path / "kept.npz", [np.arange(6.0).reshape(3, 2), np.ones((1, 2))]
    finished = FinishedBatches(path, SETTINGS)
    for part in parts:
        finished.add(part, doubled=2.0 * part)
    again = FinishedBatches(path, SETTINGS)
    assert len(again) == 2
    again.check(1, parts[1])
    with pytest.raises(ValueError, match="from batch 0 on"):
        again.check(0, parts[1])
    again.add(parts[0], doubled=2.0 * parts[0])
    expected = np.concatenate([*parts, parts[0]])
    np.testing.assert_array_equal(FinishedBatches(path, SETTINGS).results()["doubled"], 2.0 * expected)
