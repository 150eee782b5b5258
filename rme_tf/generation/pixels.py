"""Image generation pixel by pixel from latent codes, batched and compiled.

N latent codes, H rows, W columns, C channels.
"""

import tensorflow as tf
from tqdm import tqdm

from rme_tf.core.compiled import compiled
from rme_tf.core.seeds import as_seed


def generate_pixels(model, z, *, seed=(0, 0), verbose=False):
    """Returns images drawn from p(x|z) by ancestral sampling, [N, H, W, C], float32.

    Each pixel is drawn given the earlier pixels, in H W steps for all N images at once. A `step` of the decoder reuses
    the state of earlier steps, so an image takes as many multiplications as one pass of the decoder; a full pass for
    each pixel would take H W times as many.

    Args:
        model: `VAE` of images, whose decoder has `initial_state` and `step`.
        z: latent codes. Shape [N, D].
        seed: seed of the draws: an integer, a stateless seed of shape [2], or None.
        verbose: whether to show a progress bar over the rows, outside of graph code.
    """
    height, width, channels = model.likelihood.event_shape
    z, seed = tf.cast(z, tf.float32), tf.cast(as_seed(seed), tf.int32)
    verbose = verbose and tf.executing_eagerly()
    counts = [width] * height if verbose else [height * width]
    state, pixel = model.decoder.initial_state(z), tf.zeros([tf.shape(z)[0], channels])
    parts = []
    for count in tqdm(counts, desc="Rows of pixels", disable=not verbose, leave=False):
        drawn, pixel, state = compiled(_draw, model, count)(z, seed, pixel, state)
        parts.append(drawn)
    images = tf.transpose(tf.concat(parts, axis=0), [1, 0, 2])  # [N, H W, C]
    return tf.reshape(images, [-1, height, width, channels])


def _draw(model, z, seed, pixel, state, count: int):
    """Returns the next pixels [count, N, C], the last pixel [N, C], and the state after it."""
    likelihood = model.likelihood.of_pixel()
    pixels = tf.TensorArray(tf.float32, size=count, element_shape=[None, pixel.shape[-1]])

    def body(index, pixel, state, pixels):
        """Draws one pixel of every image."""
        noise = tf.random.fold_in(seed, state.position)
        params, state = model.decoder.step(pixel, state, z)
        params = tf.cast(params, tf.float32)[:, tf.newaxis, tf.newaxis]  # an image of one pixel
        pixel = likelihood.distribution(params).sample(seed=noise)[:, 0, 0]
        return index + 1, pixel, state, pixels.write(index, pixel)

    start = (tf.constant(0), pixel, state, pixels)
    _, pixel, state, pixels = tf.while_loop(lambda index, *_: index < count, body, start, maximum_iterations=count)
    return pixels.stack(), pixel, state
