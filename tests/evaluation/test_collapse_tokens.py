"""The report of collapse on a model of token ids, whose batches differ in length."""

import math

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from rme_tf import posteriors, priors
from rme_tf.evaluation.collapse import collapse_report


class Tokens:
    """What a report asks of a model of token ids [B, T]: the mean id is the mean of q, and p(x|z) knows it."""

    num_components, latent_dim = 1, 1
    posterior_family, prior = posteriors.DiagNormal(1), priors.StandardNormal(1)

    def infer(self, x):
        mean = tf.reduce_mean(tf.cast(x, tf.float32), axis=-1)
        params = tf.stack([mean, tf.zeros_like(mean) - 3.0], axis=-1)[:, tf.newaxis]
        return posteriors.MixturePosterior(self.posterior_family, params, tf.zeros([tf.shape(x)[0], 1]))

    def log_joint(self, x, z):
        tokens = tf.cast(x[:, tf.newaxis], tf.float32)  # [B, 1, T]
        log_lik = tf.reduce_sum(tfp.distributions.Normal(z, 1.0).log_prob(tokens), axis=-1)
        return log_lik, self.prior.distribution().log_prob(z)


def test_token_ids_come_in_batches_of_other_lengths():
    rows = [np.full((3, length), length, np.int32) + np.arange(3)[:, None] for length in (2, 5, 9, 4)]
    signature = tf.TensorSpec([None, None], tf.int32)
    data = tf.data.Dataset.from_generator(lambda: iter(rows), output_signature=signature)
    report = collapse_report(Tokens(), data, batch_size=3)
    assert report.num_observations == 12
    assert report.reliance > 1.0
    assert 1.0 < report.mutual_information <= math.log(12)
