"""TensorBoard with reconstructions, samples and the latent space."""

import math
import pathlib
from collections.abc import Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf

from rme_tf.callbacks.showcase import Showcase, first_rows, is_image, levels_of
from rme_tf.core.validation import check_count, require

MOST_SPRITE = 8192  # pixels of a side of the sprite that the projector shows
MOST_THUMBNAIL = 64  # pixels of a side of an image in the sprite


class TensorBoardLogger(keras.callbacks.TensorBoard):
    """Keras's `TensorBoard`, with reconstructions, samples and the latent space.

    The scalars, histograms and profiles are Keras's. With `data`, the run "samples" has images, or sentences as text,
    of some epochs and of the last one. The run "codes" has the posterior means for the projector, with labels, the
    heaviest component of a mixture, and thumbnails, written at the end of a training. Start it with
    `tensorboard --logdir LOG_DIR`.

    A training that is resumed continues the curves, if `fit` has its `initial_epoch`.

    Args:
        log_dir: directory of the events.
        data: array [N, *event_shape], or a `tf.data.Dataset` in a fixed order; None is Keras's callback alone.
        labels: labels of the observations in `data`, or a dict of several columns of labels by name.
        every: number of epochs from one set of images to the next.
        num_codes: largest number of observations in the projector.
        showcase: `Showcase` of the reconstructions and samples, such as sentences by a tokenizer; None is one of
            `data`.
        **kwargs: further arguments of `keras.callbacks.TensorBoard`; `write_graph` is False by default.

    Raises:
        ValueError: if a number is less than 1, there are labels without data, or fewer labels than observations.
    """

    def __init__(
        self,
        log_dir="logs",
        data=None,
        *,
        labels: Sequence | Mapping[str, Sequence] | None = None,
        every: int = 5,
        num_codes: int = 1000,
        showcase: Showcase | None = None,
        **kwargs,
    ):
        super().__init__(log_dir, **{"write_graph": False, **kwargs})
        self.every = check_count("every", every)
        self.num_codes = check_count("num_codes", num_codes)
        require(data is not None or labels is None, "labels", "be None without `data`", labels)
        self.showcase = Showcase(data) if showcase is None and data is not None else showcase
        self.x = None if data is None else first_rows(data, num_codes)
        self.labels = _columns(labels, 0 if self.x is None else len(self.x))
        self._epoch: int | None = None  # the last one
        self._shown: int | None = None

    def on_epoch_end(self, epoch, logs=None):
        """Writes the scalars of the epoch, and images if due."""
        super().on_epoch_end(epoch, logs)
        self._epoch = epoch
        if self.showcase is not None and (epoch + 1) % self.every == 0:
            self._show(epoch, self.showcase)

    def on_train_end(self, logs=None):
        """Writes the images of the last epoch, and the codes."""
        if self.showcase is not None and self._epoch is not None:
            if self._shown != self._epoch:
                self._show(self._epoch, self.showcase)
            if self.x is not None:
                self.write_codes(self.model)
        super().on_train_end(logs)

    def _show(self, epoch: int, showcase: Showcase):
        self._shown = epoch
        writer = tf.summary.create_file_writer(str(pathlib.Path(self.log_dir) / "samples"))
        with writer.as_default(step=epoch):
            for name, image in showcase.images(self.model).items():
                tf.summary.image(name, image[np.newaxis])
            for name, lines in showcase.texts(self.model).items():
                tf.summary.text(name, lines)
        writer.close()

    def write_codes(self, model) -> pathlib.Path:
        """Writes posterior means for the projector; returns their directory.

        Args:
            model: `VAE` that encodes the data.
        """
        from tensorboard.plugins import projector

        folder = pathlib.Path(self.log_dir) / "codes"
        folder.mkdir(parents=True, exist_ok=True)
        inferred = model.predict(self.x, verbose=0)
        weights, means = inferred["weights"], inferred["means"]  # [N, M], [N, M, D]
        np.savetxt(folder / "codes.tsv", np.einsum("nm,nmd->nd", weights, means), "%.6g", "\t")
        config = projector.ProjectorConfig()
        embedding = config.embeddings.add()
        embedding.tensor_name, embedding.tensor_path = "posterior means", "codes.tsv"
        columns = dict(self.labels)
        if weights.shape[-1] > 1:
            columns["heaviest component"] = [str(m) for m in weights.argmax(axis=-1)]
        if columns:
            _write_metadata(folder / "labels.tsv", columns)
            embedding.metadata_path = "labels.tsv"
        if is_image(self.x):
            image, size = sprite(self.x)
            tf.io.write_file(str(folder / "sprite.png"), tf.io.encode_png(image))
            embedding.sprite.image_path = "sprite.png"
            embedding.sprite.single_image_dim.extend(size)
        projector.visualize_embeddings(str(folder), config)
        return folder


def sprite(images) -> tuple[np.ndarray, tuple[int, int]]:
    """Returns a square of thumbnails, and their width and height.

    Args:
        images: images [N, H, W, C] in [0, 1].
    """
    columns = math.ceil(math.sqrt(len(images)))
    height, width = images.shape[1:3]
    most = min(MOST_THUMBNAIL, MOST_SPRITE // columns)
    if max(height, width) > most:
        scale = most / max(height, width)
        height, width = max(1, round(scale * height)), max(1, round(scale * width))
        images = tf.image.resize(tf.cast(images, tf.float32), [height, width], antialias=True).numpy()
    levels = levels_of(np.clip(np.nan_to_num(images), 0.0, 1.0))
    levels = np.pad(levels, [(0, columns**2 - len(levels)), (0, 0), (0, 0), (0, 0)])
    tiles = levels.reshape(columns, columns, height, width, -1).transpose(0, 2, 1, 3, 4)
    return tiles.reshape(columns * height, columns * width, -1), (width, height)


def _columns(labels, count: int) -> dict[str, list[str]]:
    """Returns columns of labels as text, by name.

    Raises:
        ValueError: if a column has fewer labels than observations.
    """
    if labels is None:
        return {}
    columns = labels if isinstance(labels, Mapping) else {"label": labels}
    for name, values in columns.items():
        expected = f"have a label for each of the {count} observations in the projector"
        sized = hasattr(values, "__len__") and getattr(values, "shape", None) != ()
        require(sized, f"labels[{name!r}]", expected, type(values).__name__)
        require(len(values) >= count, f"labels[{name!r}]", expected, f"{len(values)} labels")
    return {name: [_plain(value) for value in values[:count]] for name, values in columns.items()}


def _plain(value) -> str:
    """Returns a label without tabs and line breaks, which separate labels in the file."""
    return " ".join(str(value).split()) or "(none)"


def _write_metadata(path: pathlib.Path, columns: Mapping[str, Sequence[str]]) -> None:
    """Writes columns; a single column has no header, as the projector expects."""
    rows = list(zip(*columns.values(), strict=True))
    header = [list(columns)] if len(columns) > 1 else []
    path.write_text("".join("\t".join(row) + "\n" for row in [*header, *rows]), encoding="utf-8")
