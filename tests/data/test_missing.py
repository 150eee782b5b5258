"""Hidden entries: masks of arrays, tensors and pipelines of images."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

import rme_tf
from rme_tf.core.resident import rows_of
from rme_tf.data import HIDDEN_BLOCKS, hide, seen_pixels, training_dataset
from rme_tf.data.images import held_out_dataset

X = np.arange(6).reshape(2, 3)
SEEN = np.array([[True, False, True], [False, False, True]])
EXPECTED = [[0.0, np.nan, 2.0], [np.nan, np.nan, 5.0]]


@pytest.mark.parametrize("dtype", ["uint8", "int64", "float16", "float32", "float64"])
def test_hidden_entries_are_nan(dtype):
    for seen in (SEEN, SEEN.astype("uint8"), SEEN.astype("float32")):
        hidden = hide(X.astype(dtype), seen)
        np.testing.assert_array_equal(hidden, EXPECTED)
        assert hidden.dtype == ("float64" if dtype == "float64" else "float32")
        tensor = hide(tf.constant(X.astype(dtype)), seen)
        np.testing.assert_array_equal(tensor, EXPECTED)
        assert tensor.dtype == hidden.dtype
    assert rme_tf.hide is hide


def test_one_mask_serves_all_rows_and_pipelines():
    np.testing.assert_array_equal(hide(X, SEEN[0]), [[0.0, np.nan, 2.0], [3.0, np.nan, 5.0]])
    batches = tf.data.Dataset.from_tensor_slices((X, SEEN)).batch(2).map(hide)
    np.testing.assert_array_equal(next(iter(batches)), EXPECTED)


@pytest.mark.parametrize(
    ("seen", "message"),
    [
        (2 * SEEN, "`seen` must be booleans, or 0 and 1. Received: values of dtype int64"),
        (SEEN.astype(str), "`seen` must be booleans"),
        (SEEN[:, :2], r"`seen` must broadcast to the shape \(2, 3\) of `x`. Received: shape \(2, 2\)"),
        (np.ones((4, 2, 3), bool), r"`seen` must broadcast to the shape \(2, 3\)"),
    ],
    ids=["numbers", "text", "shape", "more axes"],
)
def test_what_is_no_mask_is_refused(seen, message):
    with pytest.raises(ValueError, match=message):
        hide(X, seen)


@pytest.mark.parametrize("name", sorted(HIDDEN_BLOCKS))
@pytest.mark.parametrize("shape", [(8, 8, 1), (5, 4, 3)], ids=str)
def test_blocks_depend_on_the_place_of_an_image_and_the_seed_alone(name, shape):
    seen = seen_pixels(name, 400, shape, seed=3)
    assert seen.shape == (400, *shape[:2], 1)
    assert seen.dtype == bool
    np.testing.assert_array_equal(seen_pixels(name, 7, shape, seed=3), seen[:7])
    kinds, counts = np.unique(seen, axis=0, return_counts=True)
    assert len(kinds) == {"half": 4, "lower_half": 1, "quarter": 4}[name]
    assert counts.min() > 0.7 * 400 / len(kinds)
    assert 0.2 < seen.mean() < 0.8
    if name == "lower_half":
        assert seen[0, : shape[0] // 2].all()
        assert not seen[0, shape[0] // 2 :].any()
    else:
        assert (seen_pixels(name, 400, shape, seed=4) != seen).any()


def test_blocks_of_no_image_are_refused():
    with pytest.raises(ValueError, match="Unknown block of hidden pixels. Expected one of: 'half'"):
        seen_pixels("upper", 3, (8, 8, 1))
    with pytest.raises(ValueError, match="`image_shape` must be an integer of at least 2. Received: 1"):
        seen_pixels("half", 3, (1, 8, 1))


@pytest.mark.parametrize("binarization", ["none", "dynamic"])
def test_pipelines_hide_the_pixels_of_each_image_after_the_binarization(binarization):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (9, 4, 4, 1), dtype=np.uint8)
    seen = seen_pixels("half", 9, (4, 4, 1))
    options = {"batch_size": 4, "binarization": binarization, "seed": 1}
    whole, hidden = (training_dataset(images, **options, seen=mask) for mask in (None, seen))
    for batch, part in itertools.islice(zip(whole, hidden, strict=True), 5):
        batch, part = batch.numpy(), part.numpy()
        np.testing.assert_array_equal(part, np.where(np.isnan(part), part, batch))
        if binarization == "none":
            rows = [np.flatnonzero((images / np.float32(255) == image).all(axis=(1, 2, 3)))[0] for image in batch]
            np.testing.assert_array_equal(~np.isnan(part), seen[rows])
    assert rows_of(hidden) is None  # whose batches would be complete
    held_out = np.concatenate(list(held_out_dataset(images, **options, seen=seen)))
    expected = np.concatenate(list(held_out_dataset(images, **options)))
    np.testing.assert_array_equal(held_out, hide(expected, seen))
