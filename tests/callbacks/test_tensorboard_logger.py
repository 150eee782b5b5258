"""TensorBoard: the curves by Keras, images and sentences, and the projector's files, read back."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from rme_tf import ELBO
from rme_tf.callbacks import TensorBoardLogger
from rme_tf.callbacks.showcase import Showcase, first_rows, grid
from rme_tf.callbacks.tensorboard_logger import sprite
from rme_tf.models.group_sizes import default_group_choice
from test_trackers import SIDE, image_model, images

__all__ = ["image_model", "images"]  # fixtures


@pytest.fixture
def accumulated():
    """Returns a reader of the events in a directory, in the order of their steps.

    The files of one second are read in the order of their names, in which 10 comes before 9.
    """
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")

    def read(path):
        reader = accumulator.EventAccumulator(str(path), size_guidance={"tensors": 0})
        reader.Reload()
        events = {tag: reader.Tensors(tag) for tag in reader.Tags()["tensors"]}
        return {tag: sorted(values, key=lambda event: event.step) for tag, values in events.items()}

    return read


@pytest.mark.slow
def test_curves_images_and_codes_are_written_and_go_on(image_model, images, accumulated, tmp_path):
    model, labels = image_model(), {"digit": [3, 1, 4, 1, 5, 9], "writer": ["a\tb", "", "c", "d", "e", "f"]}
    logger = TensorBoardLogger(tmp_path, images, labels=labels, every=2, num_codes=5)
    options = {"validation_data": (images,), "verbose": 0, "callbacks": [logger]}
    history = model.fit(images, epochs=3, **options).history
    model.fit(images, epochs=4, initial_epoch=3, **options)

    curves = accumulated(tmp_path / "train")
    steps = {tag: [event.step for event in events] for tag, events in curves.items()}
    assert steps["epoch_elbo"] == [0, 1, 2, 3]
    assert steps["epoch_elbo_1"] == [1, 2, 3]  # after the warm start, and no NaN before
    values = [float(tf.make_ndarray(event.tensor_proto)) for event in curves["epoch_kl"]]
    np.testing.assert_allclose(values[:3], history["kl"], rtol=1e-6)
    assert "epoch_elbo" in accumulated(tmp_path / "validation")

    shown = accumulated(tmp_path / "samples")
    assert {tag: [event.step for event in events] for tag, events in shown.items()} == {
        "reconstructions": [1, 2, 3],
        "samples": [1, 2, 3],
    }
    width, height, png = tf.make_ndarray(shown["reconstructions"][-1].tensor_proto)
    image = tf.io.decode_png(png).numpy()
    assert (int(width), int(height)) == (image.shape[1], image.shape[0])
    np.testing.assert_array_equal(image[:SIDE, :SIDE, 0], 255 * images[0, :, :, 0])

    codes = np.loadtxt(tmp_path / "codes" / "codes.tsv")
    np.testing.assert_allclose(codes, model.codes(images[:5]), rtol=1e-4, atol=1e-5)
    header, *rows = [line.split("\t") for line in (tmp_path / "codes" / "labels.tsv").read_text().splitlines()]
    assert header == ["digit", "writer", "heaviest component"]
    assert [row[:2] for row in rows[:2]] == [["3", "a b"], ["1", "(none)"]]
    assert len(rows) == 5
    config = (tmp_path / "codes" / "projector_config.pbtxt").read_text()
    for part in ('tensor_path: "codes.tsv"', 'metadata_path: "labels.tsv"', 'image_path: "sprite.png"'):
        assert part in config
    assert config.count(f"single_image_dim: {SIDE}") == 2
    thumbnails = tf.io.decode_png((tmp_path / "codes" / "sprite.png").read_bytes()).numpy()
    np.testing.assert_array_equal(thumbnails[SIDE : 2 * SIDE, :SIDE], 255 * images[3])  # of 3 in a row


def test_the_projector_s_own_reader_accepts_the_configuration(image_model, images, tmp_path):
    projector = pytest.importorskip("tensorboard.plugins.projector")
    text_format = pytest.importorskip("google.protobuf.text_format")
    logger = TensorBoardLogger(tmp_path, images, labels=range(6))
    folder = logger.write_codes(image_model())
    config = text_format.Parse((folder / "projector_config.pbtxt").read_text(), projector.ProjectorConfig())
    (embedding,) = config.embeddings
    assert (embedding.tensor_path, list(embedding.sprite.single_image_dim)) == ("codes.tsv", [SIDE, SIDE])


def test_a_single_column_of_labels_has_no_header(tiny_model, tmp_path):
    logger = TensorBoardLogger(tmp_path, np.zeros((3, 5), "float32"), labels=["x", "y", "z"])
    folder = logger.write_codes(tiny_model(1))
    assert (folder / "labels.tsv").read_text() == "x\ny\nz\n"
    assert not (folder / "sprite.png").exists()


def test_without_data_it_is_keras_s_own(tiny_model, binary_data, tmp_path, eagerly):
    model, logger = tiny_model(1), TensorBoardLogger(tmp_path)
    model.compile("sgd", ELBO())
    model.fit(binary_data(4), verbose=0, callbacks=[logger])
    assert [path.name for path in tmp_path.iterdir()] == ["train"]
    assert isinstance(logger, keras.callbacks.TensorBoard)
    assert not default_group_choice(model, logger).single


def test_sentences_are_text(accumulated, tmp_path):
    showcase = Showcase(np.array([[4, 2]]), to_text=lambda rows: ["a b"] * len(rows))
    showcase._of = lambda model: (np.array([[4, 2]]), np.array([[4, 2]]))
    logger = TensorBoardLogger(tmp_path, showcase=showcase)
    logger._show(3, showcase)
    (event,) = accumulated(tmp_path / "samples")["reconstructions"]
    assert event.step == 3
    assert tf.make_ndarray(event.tensor_proto).tolist() == [b"a b -> a b"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"labels": [1]}, "`labels` must be None without `data`"),
        ({"data": np.zeros((3, 5)), "labels": [1, 2]}, "have a label for each of the 3 observations"),
        ({"every": 0}, "`every`"),
        ({"num_codes": 0}, "`num_codes`"),
    ],
)
def test_impossible_choices_are_refused(tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        TensorBoardLogger(tmp_path, **options)


@pytest.mark.parametrize(
    ("shape", "size"), [((10, 4, 4, 1), (4, 4)), ((5, 100, 50, 3), (32, 64)), ((2, 1, 9, 1), (9, 1))]
)
def test_a_sprite_is_a_square_of_thumbnails(shape, size):
    image, found = sprite(np.full(shape, 0.5, "float32"))
    side = int(np.ceil(np.sqrt(shape[0])))
    assert found == size
    assert image.shape == (side * size[1], side * size[0], shape[-1])
    assert image.dtype == np.uint8


def test_a_grid_has_gaps_and_an_empty_end(rng):
    x = rng.uniform(size=(3, 4, 5, 1)).astype("float32")
    image = grid(x, 2)
    assert image.shape == (2 * 4 + 2, 2 * 5 + 2, 1)
    np.testing.assert_array_equal(image[:4, 7:], x[1])
    np.testing.assert_array_equal(image[6:, :5], x[2])
    np.testing.assert_array_equal(image[4:6], 1.0)


def test_the_first_rows_of_batches_of_any_length():
    data = tf.data.Dataset.from_generator(
        lambda: iter([np.array([[4, 2]]), np.array([[4, 5, 2], [6, 7, 2]])]),
        output_signature=tf.TensorSpec([None, None]),
    )
    np.testing.assert_array_equal(first_rows(data, 2), [[4, 2, 0], [4, 5, 2]])
    pairs = tf.data.Dataset.from_tensor_slices((np.arange(6.0).reshape(3, 2), np.arange(3))).batch(2)
    np.testing.assert_array_equal(first_rows(pairs, 3), np.arange(6.0).reshape(3, 2))
