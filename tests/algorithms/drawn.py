"""Steps from components that a test chooses, with noise that a test knows."""

import numpy as np
import tensorflow as tf

from rme_tf.algorithms import bound, drawn_update
from rme_tf.algorithms.component_draws import ComponentDraws
from rme_tf.posteriors import IAF, DiagNormal, Draws

NOISE = np.random.default_rng(7).normal(size=(2, 1, 1, 2)).astype("float32")  # of two samples of two dimensions


class SameNoise(DiagNormal):
    """A Gaussian whose draws are the same noise for all rows and components, moved and scaled."""

    def sample_components(self, params, num_samples, seeds):
        mean, scale = self.mean_and_stddev(params)
        return mean + scale * NOISE[:num_samples]


class SameNoiseFlow(IAF):
    """The same behind a flow that all components share."""

    def draw_components(self, params, num_samples, seeds):
        mean, scale, flow_params = self.base_and_flow_params(params)
        z_0 = mean + scale * NOISE[:num_samples]
        z, log_det = self.transform(flow_params[:, :1], z_0)
        return Draws(z, z_0, log_det)


def choose(monkeypatch, index):
    """Makes every step take the components of the index [B, K]."""

    def chosen(num_observations, num_components, count, seed):
        del num_observations, seed
        assert np.shape(index)[-1] == count
        return ComponentDraws(tf.constant(index, tf.int32), num_components)

    for module in (bound, drawn_update):
        monkeypatch.setattr(module, "draw_components", chosen)
