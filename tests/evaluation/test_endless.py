"""Endless data: refused where nothing ends them, naming what would."""

import numpy as np
import pytest
import tensorflow as tf

import rme_tf
from public_calls import OBSERVED, STREAMED, WALKED, Rows, X, fit, model_of
from rme_tf import data

ENDS = {
    "fit": "`steps_per_epoch`",
    "fit, validation_data": "`validation_steps`",
    "evaluate": "`steps`",
    "predict": "`steps`",
    "bounds": r"`x\.take\(number of batches\)`",
    "log_likelihood": r"`x\.take\(number of batches\)`",
    "summarize": r"`x\.take\(number of batches\)`",
    "impute": r"`x\.take\(number of batches\)`",
    "impute_mean": r"`x\.take\(number of batches\)`",
    "posterior_moments": r"`x\.take\(number of batches\)`",
    "proposal_quality": r"`x\.take\(number of batches\)`",
    "posterior_shape": r"`x\.take\(number of batches\)`",
    "sampled_modes": r"`x\.take\(number of batches\)`",
    "find_modes": r"`x\.take\(number of batches\)`",
    "component_distances": r"`x\.take\(number of batches\)`",
    "decoder_report": r"`x\.take\(number of batches\)`",
    "annealed_importance": r"`x\.take\(number of batches\)`",
    "inference_gaps": r"`x\.take\(number of batches\)`",
}


def repeated():
    return tf.data.Dataset.from_tensor_slices(X).batch(2).repeat()


def training_set():
    pixels = (255 * X.reshape(-1, 1, 1, 4)).astype("uint8")
    return data.training_dataset(pixels, batch_size=2).map(lambda x: tf.reshape(x, [-1, 4]))


class Unending(Rows):
    @property
    def num_batches(self):
        return None

    def __getitem__(self, index):
        return super().__getitem__(index % 3)


@pytest.mark.parametrize("call", sorted(ENDS))
@pytest.mark.parametrize("make", [repeated, training_set, lambda: Unending(X)], ids=["repeat", "training", "PyDataset"])
def test_endless_data_are_refused_where_nothing_ends_them(call, make):
    endless = make()
    if call in STREAMED or isinstance(endless, tf.data.Dataset):
        with pytest.raises(ValueError, match=f"` is endless. Expected: .*{ENDS[call]}"):
            OBSERVED[call](model_of(), endless)


def test_every_call_that_walks_through_data_is_among_them():
    assert set(ENDS) == {*STREAMED, *WALKED} - {"collapse_report", "CollapseMonitor"}  # which read the first of them


@pytest.mark.filterwarnings("ignore:`shuffle=True` was passed")  # to a PyDataset, of Keras
@pytest.mark.parametrize("make", [repeated, lambda: Unending(X)], ids=["repeat", "PyDataset"])
def test_the_argument_that_is_named_ends_them(make):
    model = model_of()
    before = int(model.optimizer.iterations)
    fit(model, make(), steps_per_epoch=4, validation_data=make(), validation_steps=1, batch_size=None)
    assert int(model.optimizer.iterations) == before + 4
    assert np.isfinite(model.evaluate(make(), steps=2, verbose=0)).all()
    assert model.predict(make(), steps=2, verbose=0)["weights"].shape == (4, 2)


@pytest.mark.usefixtures("eagerly")
def test_without_keras_the_data_set_itself_is_cut():
    model = model_of()
    ends = rme_tf.bounds(model, repeated().take(2), num_samples=2, progress=False)
    assert ends.elbo.shape == (4,)
    assert rme_tf.collapse_report(model, repeated(), max_observations=5, batch_size=2).num_observations == 5
    WALKED["CollapseMonitor"](model, repeated())


@pytest.mark.parametrize("call", sorted(STREAMED))
def test_what_has_no_batch_at_all_is_refused(call):
    for nothing in (Rows(X[:0]), (row for row in ())):
        with pytest.raises(ValueError, match="is an empty data set. Expected at least one batch"):
            STREAMED[call](model_of(), nothing)
