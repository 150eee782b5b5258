"""Image sets of TensorFlow Datasets, from tiny directories prepared as it would prepare them."""

import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from data_sources import builders_of, facts_of, rows_of, section_of, sizes_of
from rme_tf.data import DATASETS, celeb_a, load, load_images, prepared
from test_image_sets import module_of

FACTS = facts_of()
# Their loaders are `load_train_and_test` under a name.
CUT = [name for name in FACTS if hasattr(module_of(name), "load_train_and_test")]


@pytest.mark.parametrize("name", CUT)
def test_the_last_training_images_are_held_out(name, monkeypatch):
    class Builder:
        info = SimpleNamespace(features={"label": SimpleNamespace(names=["even", "odd"])})

        def as_dataset(self, split, batch_size):
            assert (split, batch_size) == (["train", "test"], -1)
            return [
                {"image": tf.reshape(tf.range(size), [size, 1, 1, 1]), "label": tf.range(size) % 2} for size in there
            ]

    train, validation, test = FACTS[name].sizes
    there = train + validation, test
    monkeypatch.setattr(prepared, "prepared_builder", lambda name, **_: Builder())
    splits = DATASETS[name]()
    assert sizes_of(splits) == FACTS[name].sizes
    for images, count in ((np.concatenate(splits[:2]), there[0]), (splits.test, there[1])):
        np.testing.assert_array_equal(images.ravel(), np.arange(count))
    for images, labels in zip(splits, splits.labels[:3], strict=True):
        np.testing.assert_array_equal(labels, images.ravel() % 2)
    assert splits.labels.names == ("even", "odd")


def prepare(data_dir, name, images):
    """Writes a tiny set as TensorFlow Datasets would have prepared it: images by split, all else zero."""
    tfds = pytest.importorskip("tensorflow_datasets")
    builder = tfds.builder(name, data_dir=data_dir)
    features = builder.info.features

    def filled(feature):
        if isinstance(feature, tfds.features.FeaturesDict):
            return {key: filled(part) for key, part in feature.items()}
        return "" if isinstance(feature, tfds.features.Text) else np.zeros(feature.shape, feature.np_dtype)[()]

    examples = {
        split: [(key, {**filled(features), "image": image}) for key, image in enumerate(part)]
        for split, part in images.items()
    }
    tfds.dataset_builders.store_as_tfds_dataset(
        name, version=builder.version, features=features, split_datasets=examples, data_dir=data_dir
    )


def made_images(shape, high=255, **counts):
    rng = np.random.default_rng(2)
    return {split: rng.integers(0, high + 1, (count, *shape), dtype=np.uint8) for split, count in counts.items()}


@pytest.mark.slow
@pytest.mark.parametrize(("name", "shape"), [("fashion_mnist", (28, 28, 1)), ("svhn_cropped", (32, 32, 3))])
def test_a_prepared_set_is_read(name, shape, tmp_path, monkeypatch):
    images = made_images(shape, train=7, test=4)
    prepare(tmp_path, name, images)
    monkeypatch.setattr(module_of(name), "NUM_VALIDATION", 2)
    splits = load_images(name, data_dir=tmp_path, download=False)
    assert sizes_of(splits) == (5, 2, 4)
    assert rows_of(splits.train, splits.validation) == rows_of(images["train"])
    assert rows_of(splits.test) == rows_of(images["test"])


@pytest.mark.slow
def test_the_static_mnist_may_be_that_of_tensorflow_datasets(tmp_path):
    images = made_images((28, 28, 1), high=1, train=4, validation=2, test=3)
    prepare(tmp_path, "binarized_mnist", images)
    for split, part in load_images("binarized_mnist", data_dir=tmp_path, download=False)._asdict().items():
        assert rows_of(part) == rows_of(255 * images[split])


def averages(length, size):
    """Weights [size, length] of the mean over each of `size` equal parts, some entries in two of them."""
    edges = np.arange(size + 1) * length / size
    entries = np.arange(length)
    overlap = np.minimum(edges[1:, None], entries + 1) - np.maximum(edges[:-1, None], entries)
    return np.clip(overlap, 0, None) * size / length


@pytest.mark.slow
def test_omniglot_of_tensorflow_datasets_is_averaged_and_turned_white_on_black(tmp_path, monkeypatch):
    grey = made_images((105, 105, 1), train=6, test=3)
    images = {split: part.repeat(3, axis=-1) for split, part in grey.items()}
    prepare(tmp_path, "omniglot", {**images, "small1": images["test"], "small2": images["test"]})
    monkeypatch.setattr(module_of("omniglot_tfds"), "NUM_VALIDATION", 2)
    splits = load_images("omniglot_tfds", data_dir=tmp_path, download=False)
    assert sizes_of(splits) == (4, 2, 3)
    assert splits.train.shape[1:] == (28, 28, 1)
    mean = averages(105, 28)
    expected = 255 - mean @ grey["test"][..., 0] @ mean.T
    result = splits.test[np.lexsort(splits.test[:, 0, :3, 0].T)][..., 0]
    np.testing.assert_allclose(result, expected[np.lexsort(np.rint(expected[:, 0, :3]).T)], atol=0.51)


@pytest.mark.slow
def test_faces_are_cropped_averaged_and_read_from_the_disk(tmp_path):
    images = made_images((218, 178, 3), train=5, validation=3, test=2)
    prepare(tmp_path, "celeb_a", images)
    splits = load_images("celeb_a", data_dir=tmp_path, download=False)
    assert all(isinstance(part, np.memmap) for part in splits)
    assert [part.shape for part in splits] == [(count, 64, 64, 3) for count in (5, 3, 2)]
    mean = averages(celeb_a.CROP, 64)
    there = prepared.prepared_builder("celeb_a", data_dir=tmp_path).as_dataset(split="train", batch_size=-1)
    crop = there["image"].numpy()[:, 35:183, 15:163].astype(np.float64)  # as JPEG left them
    np.testing.assert_allclose(splits.train, np.einsum("ij,njkc,lk->nilc", mean, crop, mean), atol=0.51)
    (tmp_path / "celeb_a").rename(tmp_path / "away")  # no longer needed
    batch = next(iter(load("celeb_a", "test", 2, data_dir=tmp_path, download=False, binarization="none")))
    np.testing.assert_allclose(batch, splits.test / np.float32(255), rtol=1e-6)
    assert load_images("celeb_a", data_dir=tmp_path / "away" / "..", size=64).train.shape == (5, 64, 64, 3)
    with pytest.raises(ValueError, match="prepared by TensorFlow Datasets"):
        load_images("celeb_a", data_dir=tmp_path, download=False, size=32)


@pytest.mark.parametrize("name", [name for name in FACTS if builders_of(name)])
def test_the_readme_has_the_checksums_of_what_is_downloaded(name):
    tfds = pytest.importorskip("tensorflow_datasets")
    root, (theirs,) = Path(tfds.__file__).parent, builders_of(name)
    known = [root / "url_checksums" / f"{theirs}.txt", root / "datasets" / theirs / "checksums.tsv"]
    lines = [
        line.split("\t") for path in known if path.is_file() for line in path.read_text(encoding="utf-8").splitlines()
    ]
    said = set(re.findall(r"`([0-9a-f]{64})`", section_of(name)))
    assert said
    assert said <= {checksum for _, _, checksum, *_ in lines}
