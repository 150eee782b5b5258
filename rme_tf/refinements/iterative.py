"""Iterative amortized inference: a network of params and their gradient."""

import keras
import tensorflow as tf

from rme_tf.core.activations import check_activation
from rme_tf.core.types import Encoding
from rme_tf.core.validation import check_sizes
from rme_tf.refinements.base import Refinement, for_inference_alone, stopped
from rme_tf.refinements.gradient import elbo_gradient, tied

GATE_BIAS = 3.0  # the gates start at 0.95: near the output of the encoder


@keras.saving.register_keras_serializable("rme_tf")
class IterativeAmortised(Refinement):
    """Iterative amortized inference (`iai`).

        params <- gate params + (1 - gate) proposal

    Gate and proposal are outputs of a network of params and ELBO gradient. These two inputs are normalized, each by
    itself, so that neither the gradient's scale nor a step size matters. One network serves all steps and components;
    params that the components share are the mean of its outputs.
    Each step's output is held to the ELBO, and no gradient passes from one step to the step before it, nor through the
    gradients that are fed in. The first params are the encoders' (the paper's are the prior's), which ascend the ELBO
    at their own output.

    Args:
        steps: T, number of steps.
        num_samples: S, number of draws from each component for one gradient.
        units: sizes of the network's hidden layers.
        activation: activation of the hidden layers.

    References:
        Marino, Yue and Mandt (2018), https://arxiv.org/abs/1807.09356
    """

    def __init__(self, steps=5, num_samples=1, units=(512, 512), activation="elu", **kwargs):
        super().__init__(steps, num_samples, **kwargs)
        self.units = check_sizes("units", units)
        self.activation = check_activation(activation)
        options = {"dtype": self.dtype_policy}
        self.normalizers = [keras.layers.LayerNormalization(**options) for _ in range(2)]  # of params, of gradient
        hidden = [keras.layers.Dense(size, activation=activation, **options) for size in self.units]
        self.hidden = keras.Sequential(hidden) if hidden else keras.layers.Identity()

    def build(self, input_shape):
        """Creates the weights, for params of shape (..., P)."""
        num_params = input_shape[-1]
        gate = {"activation": "sigmoid", "bias_initializer": keras.initializers.Constant(GATE_BIAS)}
        self.proposal = keras.layers.Dense(num_params, dtype=self.dtype_policy)
        self.gate = keras.layers.Dense(num_params, dtype=self.dtype_policy, **gate)
        for normalizer in self.normalizers:
            normalizer.build((None, num_params))
        self.hidden.build((None, 2 * num_params))
        width = self.units[-1] if self.units else 2 * num_params
        for layer in (self.proposal, self.gate):
            layer.build((None, width))
        self.built = True

    def update(self, params, gradient):
        """Returns the next params [B, K, P]; no gradient passes to either argument."""
        rows = [tf.reshape(tf.stop_gradient(part), [-1, params.shape[-1]]) for part in (params, gradient)]
        normalized = [normalizer(part) for normalizer, part in zip(self.normalizers, rows, strict=True)]
        hidden = self.hidden(tf.concat(normalized, axis=-1))
        gate = self.gate(hidden)
        return tf.reshape(gate * rows[0] + (1.0 - gate) * self.proposal(hidden), tf.shape(params))

    def path(self, model, x, encoding, seed, kl_weight=1.0):
        """Returns T + 1 encodings, each the network's output for the one before."""
        path = [encoding]
        for step in range(self.steps):
            options = {"num_samples": self.num_samples, "kl_weight": kl_weight}
            gradient = elbo_gradient(model, x, stopped(path[-1]), tf.random.fold_in(seed, step), **options)
            params = tied(self.update(path[-1].params, gradient), model.posterior_family.num_shared, tf.reduce_mean)
            params = tf.ensure_shape(params, encoding.params.shape)
            path.append(Encoding(params, encoding.log_alpha))
        return path

    def objective(self, model, bound, path):
        """Returns the bound at the refined params, and the result of `bound`.

        The gradient of the decoder is taken there; the other networks ascend the mean of the bound over the path.
        """
        inference = sum(for_inference_alone(bound, encoding) for encoding in path) / len(path)
        value, result = bound(stopped(path[-1]))
        return value + inference, result

    def get_config(self):
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "units": list(self.units), "activation": self.activation}
