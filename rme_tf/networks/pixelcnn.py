"""Gated PixelCNN decoder, conditioned on a latent code.

N images, H rows, W columns, C channels, F filters, P params for a pixel.

A vertical stack reads the rows above a pixel. A horizontal stack reads the pixels to the left, and the outputs of the
vertical stack. Both are causal because their inputs are padded on one side only, so no kernel is masked.
"""

from typing import NamedTuple

import keras
import tensorflow as tf

from rme_tf.core.types import Tensor
from rme_tf.core.validation import check_choice, check_counts, is_count, require
from rme_tf.networks.autoregressive import AutoregressiveDecoder
from rme_tf.networks.conv import conv_decoder
from rme_tf.networks.images import PARAMS_DTYPE, check_image_shape

CONDITIONINGS = ("bias", "both", "map", "none")


class State(NamedTuple):
    """State of the generation, a cache of earlier pixels.

    The lists have an entry for each layer.
    """

    position: Tensor  # index of the next pixel, row by row
    line: Tensor  # pixels of this row, and of the row above from the current column on  [N, W, C + 1]
    code_map: Tensor  # map of z, of size 0 without conditioning  [N, H, W, A]
    rows: list  # inputs of the vertical stack, the last rows  [N, reach - 1, W, F]
    columns: list  # inputs of the horizontal stack, the last pixels  [N, reach - 1, F]
    from_above: list  # outputs of the vertical stack for this row  [N, W, 2 F]


class GatedLayer(keras.layers.Layer):
    """One layer of both stacks, tanh(a) * sigmoid(b).

    a and b are convolutions plus terms of z.

    Args:
        filters: number of filters F.
        kernel_size: number of columns that the vertical stack reads, odd. It reads `reach` = (kernel_size + 1) / 2
            rows; the horizontal stack reads `reach` columns, the current one included.
        residual: whether the inputs are added to the outputs.
        reads_code: whether z adds one bias to all pixels.
        reads_map: whether a map of z adds a bias to each pixel.
    """

    def __init__(self, filters: int, kernel_size: int, *, residual: bool, reads_code: bool, reads_map: bool, **kwargs):
        super().__init__(**kwargs)
        self.reach, self.side = (kernel_size + 1) // 2, kernel_size // 2
        self.residual = residual
        policy = {"dtype": self.dtype_policy}  # a loaded model has its stored policy
        self.above = keras.layers.Conv2D(2 * filters, (self.reach, kernel_size), **policy)
        self.left = keras.layers.Conv2D(2 * filters, (1, self.reach), **policy)
        self.down = keras.layers.Dense(2 * filters, **policy)
        self.mixed = keras.layers.Dense(filters, **policy)
        self.of_code = keras.layers.Dense(4 * filters, use_bias=False, **policy) if reads_code else None
        self.of_map = keras.layers.Dense(4 * filters, use_bias=False, **policy) if reads_map else None

    def call(self, vertical, horizontal, z, code_map):
        """Returns the outputs [N, H, W, F] of both stacks.

        Args:
            vertical: inputs of the vertical stack. Shape [N, H, W, F].
            horizontal: inputs of the horizontal stack. Shape [N, H, W, F].
            z: latent codes. Shape [N, D].
            code_map: map of z. Shape [N, H, W, A].
        """
        vertical = tf.pad(vertical, [[0, 0], [self.reach - 1, 0], [0, 0], [0, 0]])
        horizontal = tf.pad(horizontal, [[0, 0], [0, 0], [self.reach - 1, 0], [0, 0]])
        vertical, from_above = self.vertical(vertical, z, code_map)
        return vertical, self.horizontal(horizontal, from_above)

    def vertical(self, rows, z, code_map):
        """Returns the outputs of the vertical stack, and terms for the horizontal.

        Args:
            rows: inputs, with reach - 1 rows before the first row. Shape [N, reach - 1 + H, W, F].
            z: latent codes. Shape [N, D].
            code_map: map of z for the H rows. Shape [N, H, W, A].

        Returns:
            outputs: outputs of the vertical stack. Shape [N, H, W, F].
            from_above: terms of the horizontal stack. Shape [N, H, W, 2 F].
        """
        seen = self.above(tf.pad(rows, [[0, 0], [0, 0], [self.side, self.side], [0, 0]]))
        outputs, from_above = seen, self.down(seen)
        terms = [] if self.of_code is None else [self.of_code(z)[:, tf.newaxis, tf.newaxis]]
        terms += [] if self.of_map is None else [self.of_map(code_map)]
        for term in terms:
            vertical_term, horizontal_term = tf.split(term, 2, axis=-1)
            outputs, from_above = outputs + vertical_term, from_above + horizontal_term
        outputs = _gated(outputs)
        return (outputs + rows[:, self.reach - 1 :] if self.residual else outputs), from_above

    def horizontal(self, columns, from_above):
        """Returns the outputs [N, H, W, F] of the horizontal stack.

        Args:
            columns: inputs, with reach - 1 columns before the first column. Shape [N, H, reach - 1 + W, F].
            from_above: terms of the vertical stack. Shape [N, H, W, 2 F].
        """
        outputs = self.mixed(_gated(self.left(columns) + from_above))
        return outputs + columns[:, :, self.reach - 1 :] if self.residual else outputs


def _gated(values):
    values, gates = tf.split(values, 2, axis=-1)
    return tf.tanh(values) * tf.sigmoid(gates)


@keras.saving.register_keras_serializable("rme_tf")
class PixelCNNDecoder(AutoregressiveDecoder):
    """A gated PixelCNN decoder, [z, x] -> params [N, H, W, P].

    The params of a pixel depend on z and the pixels before it, row by row and from the left. The P params cover all
    channels of a pixel; a likelihood may make a channel depend on earlier channels. The receptive field has no blind
    spot: with r = first_kernel_size // 2 + (num_layers - 1) (kernel_size // 2), the params of a pixel depend on r + 1
    rows above it, there on r columns to both sides, and on r + 1 pixels to its left. Information outside of the
    receptive field must come from z, so a smaller r leaves more to z.

    Args:
        latent_dim: number of latent dimensions D.
        output_shape: (H, W, P).
        num_layers: number of gated layers.
        filters: number of filters F.
        kernel_size: odd kernel size of the layers after the first.
        first_kernel_size: odd kernel size of the first layer.
        conditioning: "bias" (z adds one bias to all pixels), "map" (z adds a bias to each pixel, by a small
            convolutional network with F filters), "both", or "none" (a PixelCNN that ignores z).

    Raises:
        ValueError: if the shape is not (height, width, numbers), or an option is out of range.

    References:
        van den Oord et al. (2016), https://arxiv.org/abs/1606.05328; as the decoder of a VAE: Gulrajani et al. (2017),
        https://arxiv.org/abs/1611.05013, and Chen et al. (2017), https://arxiv.org/abs/1611.02731
    """

    def __init__(
        self,
        latent_dim: int,
        output_shape,
        *,
        num_layers: int = 5,
        filters: int = 32,
        kernel_size: int = 3,
        first_kernel_size: int = 7,
        conditioning: str = "both",
        **kwargs,
    ):
        super().__init__(**kwargs)
        height, width, numbers = check_image_shape(output_shape, "pixelcnn")
        check_counts(latent_dim=latent_dim, num_layers=num_layers, filters=filters)
        _check_kernels(kernel_size=kernel_size, first_kernel_size=first_kernel_size)
        check_choice("conditioning", conditioning, CONDITIONINGS)
        self.config = {
            "latent_dim": latent_dim,
            "output_shape": (height, width, numbers),
            "num_layers": num_layers,
            "filters": filters,
            "kernel_size": kernel_size,
            "first_kernel_size": first_kernel_size,
            "conditioning": conditioning,
        }
        self.height, self.width, self.filters = height, width, filters
        reads = {"reads_code": conditioning in ("bias", "both"), "reads_map": conditioning in ("map", "both")}
        kernels = [first_kernel_size] + [kernel_size] * (num_layers - 1)
        self.gated_layers = [
            GatedLayer(filters, size, residual=index > 0, dtype=self.dtype_policy, **reads)
            for index, size in enumerate(kernels)
        ]
        shape = (height, width, filters)
        self.code_map = conv_decoder(latent_dim, shape, filters=(filters, filters)) if reads["reads_map"] else None
        self.hidden = keras.layers.Dense(filters, activation="swish", dtype=self.dtype_policy)
        self.outputs_of = keras.layers.Dense(numbers, dtype=PARAMS_DTYPE)

    def build(self, input_shape):
        """Checks height and width of the images; layers are built when called."""
        size = tuple(input_shape[1][1:3])
        if size != (self.height, self.width):
            raise ValueError(
                f"This pixelcnn decoder is one of images of {self.height} x {self.width} pixels. Received: {size}."
            )
        self.built = True

    def call(self, inputs, training=False):
        """Returns params [N, H, W, P].

        Args:
            inputs: z [N, D], and x [N, H, W, C] in [0, 1].
            training: ignored, since no layer depends on it.
        """
        z, x = inputs
        pixels = self._scaled(x)
        vertical = tf.pad(pixels, [[0, 0], [1, 0], [0, 0], [0, 0]])[:, :-1]  # the row above
        horizontal = tf.pad(pixels, [[0, 0], [0, 0], [1, 0], [0, 0]])[:, :, :-1]  # the pixel before
        code_map = self._code_map(z)
        for layer in self.gated_layers:
            vertical, horizontal = layer(vertical, horizontal, z, code_map)
        return self._head(horizontal)

    @property
    def largest_map(self) -> int:
        """Number of values in the largest layer for one image."""
        return self.height * self.width * self.filters * (2 if self.code_map is None else 4)

    def initial_state(self, z):
        """Returns the `State` before the first pixel, for z [N, D]."""
        sizes = [layer.left.kernel.shape[-2] for layer in self.gated_layers]
        reaches = [layer.reach for layer in self.gated_layers]
        both = list(zip(reaches, sizes, strict=True))
        num_images = tf.shape(z)[0]

        def zeros(*shape):
            """Returns zeros [N, *shape] in the compute dtype of the layers."""
            return tf.zeros([num_images, *shape], self.compute_dtype)

        return State(
            position=tf.constant(0),
            line=zeros(self.width, sizes[0]),
            code_map=self._code_map(z),
            rows=[zeros(reach - 1, self.width, size) for reach, size in both],
            columns=[zeros(reach - 1, size) for reach, size in both],
            from_above=[zeros(self.width, 2 * self.filters) for _ in both],
        )

    def step(self, previous, state, z):
        """Returns params [N, P] of the next pixel, and the new state.

        The vertical stack runs once a row, the horizontal stack only at this pixel, and both use the cache in the
        state: an image costs about as much as one `call`, not one `call` for each pixel.

        Args:
            previous: pixel before it. Shape [N, C].
            state: state after the pixels before `previous`.
            z: latent codes. Shape [N, D].
        """
        row, column = state.position // self.width, state.position % self.width
        pixel = self._scaled(previous)  # [N, C + 1]
        pixel = tf.where(tf.equal(state.position, 0), tf.zeros_like(pixel), pixel)
        place = tf.one_hot((column - 1) % self.width, self.width, dtype=pixel.dtype)[:, tf.newaxis]
        state = state._replace(line=state.line * (1 - place) + pixel[:, tf.newaxis] * place)
        begins = tf.equal(column, 0)
        state = tf.cond(begins, lambda: self._next_row(state, row, z), lambda: state)
        outputs = tf.where(begins, tf.zeros_like(pixel), pixel)[:, tf.newaxis, tf.newaxis]
        columns = []
        for layer, cached, from_above in zip(self.gated_layers, state.columns, state.from_above, strict=True):
            window = tf.concat([cached[:, tf.newaxis], outputs], axis=2)  # [N, 1, reach, F]
            columns.append(window[:, 0, 1:])
            outputs = layer.horizontal(window, from_above[:, column][:, tf.newaxis, tf.newaxis])
        return self._head(outputs)[:, 0, 0], state._replace(position=state.position + 1, columns=columns)

    def _next_row(self, state, row, z):
        """Returns the state at the start of a row, with the outputs of the vertical stack."""
        outputs = state.line[:, tf.newaxis]
        code_map = state.code_map[:, row][:, tf.newaxis]
        rows, sums = [], []
        for layer, cached in zip(self.gated_layers, state.rows, strict=True):
            window = tf.concat([cached, outputs], axis=1)  # [N, reach, W, F]
            rows.append(window[:, 1:])
            outputs, from_above = layer.vertical(window, z, code_map)
            sums.append(from_above[:, 0])
        return state._replace(rows=rows, from_above=sums, columns=[tf.zeros_like(part) for part in state.columns])

    def _scaled(self, pixels):
        """Returns pixels in [-1, 1] and a channel of ones, which distinguishes the image from its zero padding."""
        pixels = 2.0 * tf.cast(pixels, self.compute_dtype) - 1.0
        return tf.concat([pixels, tf.ones_like(pixels[..., :1])], axis=-1)

    def _code_map(self, z):
        if self.code_map is None:
            return tf.zeros([tf.shape(z)[0], self.height, self.width, 0], self.compute_dtype)
        return tf.cast(self.code_map(z), self.compute_dtype)

    def _head(self, features):
        return self.outputs_of(self.hidden(tf.nn.silu(features)))


def _check_kernels(**sizes) -> None:
    for name, value in sizes.items():
        require(is_count(value) and value >= 3 and value % 2 == 1, name, "be an odd integer of at least 3", repr(value))


def pixelcnn_decoder(latent_dim: int, output_shape, **options) -> PixelCNNDecoder:
    """Returns a `PixelCNNDecoder` with these options, for `output_shape` (H, W, P)."""
    return PixelCNNDecoder(latent_dim, output_shape, **options)
