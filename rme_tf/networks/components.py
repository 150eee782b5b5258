"""Networks shared by all components: [B, *event_shape] -> params [B, K, P].

A shared trunk has a separate head for each component. A component network replaces trunk and heads: under the
recursion it is trained on the sum of the components' objectives, like a trunk. The params that all components share,
such as the params of a flow, come last. They are computed once, by the first head or a layer of the component network.
"""

import functools

import keras
import numpy as np

from rme_tf.core.activations import check_activation
from rme_tf.core.validation import check_count
from rme_tf.networks.merged_heads import can_merge, joined, merged_params


class ComponentNetwork(keras.Model):
    """Base class of networks that return the params of all components.

    Args:
        network: Keras model [B, *event_shape] -> features [B, F].
        num_components: number of components M.
        num_params: number of params of a component, without shared ones.
        units: size of the hidden layer after the features.
        activation: activation of the hidden layer.
        num_shared: number of further params that all components share, a linear function of the features.

    Raises:
        ValueError: if the network has not one output of known size.

    To be implemented by subclasses:
        * `of_features(features, num_components, training)`: features [B, F] -> `num_params` params [B, K, P] of each of
          the first K components.
        * `copy_first(noise, seed)`: makes the other components noisy copies of the first, after a warm start.
    """

    def __init__(self, network, num_components, num_params, units=256, activation="relu", num_shared=0, **kwargs):
        super().__init__(**kwargs)
        self.network = network
        self.num_components = check_count("num_components", num_components)
        self.num_params = check_count("num_params", num_params)
        self.units = check_count("units", units)
        self.activation = check_activation(activation)
        self.num_shared = check_count("num_shared", num_shared, 0)
        self.features = _feature_size(network)
        self.shared = self.make_dense(self.num_shared, self.features, name="shared") if self.num_shared else None

    def call(self, x, training=False, num_components=None):
        """Returns params [B, K, P] of the first K components, with shared params last.

        Args:
            x: observations. Shape [B, *event_shape].
            training: whether the network is in training mode.
            num_components: number of components K; None is all M.
        """
        features = self.network(x, training=training)
        return self.all_params(features, num_components or self.num_components, training)

    def all_params(self, features, num_components: int, training=False):
        """Returns params [B, K, P + num_shared] for features [B, F]."""
        params = self.of_features(features, num_components, training)
        return params if self.shared is None else joined(params, self.shared(features))

    def of_features(self, features, num_components: int, training=False):
        """Returns params [B, K, P] for features [B, F]."""
        raise NotImplementedError

    def copy_first(self, noise: float, seed: int) -> None:
        """Makes the other components copies of the first, with Gaussian noise.

        Args:
            noise: standard deviation of the noise.
            seed: seed of the noise.
        """
        raise NotImplementedError

    def make_dense(self, size, inputs, activation=None, name=None):
        """Returns a built dense layer [..., inputs] -> [..., size].

        Args:
            size: number of outputs.
            inputs: number of inputs.
            activation: activation of the layer; None is linear.
            name: name of the layer.
        """
        layer = keras.layers.Dense(size, activation=activation, name=name)
        layer.build((None, inputs))
        return layer

    def get_config(self):
        """Returns the arguments of the constructor."""
        names = ("num_components", "num_params", "units", "activation")
        values = {name: getattr(self, name) for name in names}
        values |= {"num_shared": self.num_shared} if self.num_shared else {}
        return {**super().get_config(), **values, "network": keras.saving.serialize_keras_object(self.network)}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """Returns a network with the arguments in `config` and new weights."""
        network = keras.saving.deserialize_keras_object(config.pop("network"), custom_objects=custom_objects)
        return cls(network, **config)


@keras.saving.register_keras_serializable("rme_tf")
class AmortisedComponents(ComponentNetwork):
    """One network with a learned code for each component.

        params_m = W act(V [h(x), onehot(m)])

    Each component adds only the weights of its code, so hundreds of components cost little more than one. The
    arguments are those in `ComponentNetwork`. `AmortizedComponents` is the same class; saved models have this name.

    References:
        Hotti, Kviman, Molen, Elvira and Lagergren (2024), https://arxiv.org/abs/2406.07083
    """

    def __init__(self, network, num_components, num_params, **kwargs):
        super().__init__(network, num_components, num_params, **kwargs)
        self.hidden = self.make_dense(self.units, self.features, name="hidden")
        self.codes = self.add_weight(
            name="codes",
            shape=(self.num_components, self.units),
            initializer=keras.initializers.RandomNormal(stddev=0.1),
        )
        self.last = self.make_dense(self.num_params, self.units, name="params")
        self.activate = keras.activations.get(self.activation)
        self.built = True

    def of_features(self, features, num_components, training=False):
        """Returns params [B, K, P] for features [B, F]."""
        hidden = self.hidden(features)
        codes = keras.ops.cast(self.codes[:num_components], hidden.dtype)
        return self.last(self.activate(hidden[:, None] + codes))

    def copy_first(self, noise, seed):
        """Makes the other codes copies of the first, with noise."""
        codes = keras.ops.convert_to_numpy(self.codes)
        moves = np.random.default_rng(seed).normal(scale=noise, size=codes.shape).astype(codes.dtype)
        self.codes.assign(np.concatenate([codes[:1], codes[:1] + moves[1:]]))


@keras.saving.register_keras_serializable("rme_tf")
class ConditionedComponents(ComponentNetwork):
    """Separate heads that also read the params of earlier components.

    Each component has a hidden and a last layer. No gradient flows from a component to the params that it reads.

    Args:
        network, num_components, num_params: see `ComponentNetwork`, which also has the further arguments.
        exact_copies: whether the copies of the first head, after a warm start, do not read earlier params at first.
            The first head has none to read, so its weights on them are as they were drawn.
    """

    def __init__(self, network, num_components, num_params, exact_copies=False, **kwargs):
        super().__init__(network, num_components, num_params, **kwargs)
        self.exact_copies = exact_copies
        inputs = self.features + (self.num_components - 1) * self.num_params
        self.hidden = [self.make_dense(self.units, inputs, self.activation) for _ in range(self.num_components)]
        self.last = [self.make_dense(self.num_params, self.units) for _ in range(self.num_components)]
        self.built = True

    def of_features(self, features, num_components, training=False):
        """Returns params [B, K, P] for features [B, F]."""
        ops = keras.ops
        params: list = []
        for m in range(num_components):
            before = [ops.stop_gradient(earlier) for earlier in params]
            missing = (self.num_components - 1 - m) * self.num_params  # zeros, so that all heads have one shape
            seen = ops.pad(ops.concatenate([features, *before], axis=-1), [[0, 0], [0, missing]])
            params.append(self.last[m](self.hidden[m](seen)))
        return ops.stack(params, axis=1)

    def copy_first(self, noise, seed):
        """Makes the other heads copies of the first, with noise."""
        rng = np.random.default_rng(seed)
        for layers in (self.hidden, self.last):
            values = [np.array(keras.ops.convert_to_numpy(weight)) for weight in layers[0].weights]
            if self.exact_copies and layers is self.hidden:
                values[0][self.features :] = 0.0  # rows of the kernel for earlier params
            for layer in layers[1:]:
                for value, target in zip(values, layer.weights, strict=True):
                    target.assign(value + rng.normal(scale=noise, size=value.shape).astype(value.dtype))

    def get_config(self):
        """Returns the arguments of the constructor."""
        return {**super().get_config(), **({"exact_copies": True} if self.exact_copies else {})}


@keras.saving.register_keras_serializable("rme_tf")
class RecurrentComponents(ComponentNetwork):
    """A GRU that emits one component a step, from x and params_{m-1}.

    The state carries information on the earlier components, and the gradient flows through the state and the params
    that are read. All components share all weights, so nothing is copied after a warm start. The arguments are those
    in `ComponentNetwork`.
    """

    def __init__(self, network, num_components, num_params, **kwargs):
        super().__init__(network, num_components, num_params, **kwargs)
        self.cell = keras.layers.GRUCell(self.units)
        self.cell.build((None, self.features + self.num_params))
        self.last = self.make_dense(self.num_params, self.units, name="params")
        self.built = True

    def of_features(self, features, num_components, training=False):
        """Returns params [B, K, P] for features [B, F]."""
        ops = keras.ops
        batch = ops.shape(features)[0]
        params = [ops.zeros((batch, self.num_params), features.dtype)]
        state = ops.zeros((batch, self.units), features.dtype)
        for _ in range(num_components):
            output, (state,) = self.cell(ops.concatenate([features, params[-1]], axis=-1), [state], training=training)
            params.append(self.last(output))
        return ops.stack(params[1:], axis=1)

    def copy_first(self, noise, seed):
        """Does nothing, since the components share all weights."""
        del noise, seed


AmortizedComponents = AmortisedComponents
COMPONENT_NETWORKS: dict[str, type[ComponentNetwork]] = {
    "amortised": AmortisedComponents,
    "conditioned": ConditionedComponents,
    "recurrent": RecurrentComponents,
}


def component_params(
    trunk, encoders, x, num_components: int, training: bool, read=None, num_shared: int = 0, merged: bool = False
) -> tuple:
    """Returns params of the first K components and mixing-network inputs.

    Args:
        trunk: Keras model x -> features, a `ComponentNetwork`, or None.
        encoders: list of M Keras models features -> [B, P]; empty with a `ComponentNetwork`.
        x: observations. Shape [B, *event_shape].
        num_components: number of components K.
        training: whether the networks are in training mode.
        read: function (network, x) -> output, for networks whose input x is not called directly; None calls them.
        num_shared: number of params that all components share, the last outputs of the first encoder. Such outputs of
            other encoders, if they have any, are not used.
        merged: whether dense encoders on a trunk are one matrix product. The gradient of the trunk is then summed in
            another order.

    Returns:
        params: params of the first K components. Shape [B, K, P].
        features: input of a mixing network.
        read: function (network, features) -> output, which calls a mixing network.
    """
    call = functools.partial(_call, training=training)
    read = read or call
    if isinstance(trunk, ComponentNetwork):
        return trunk.all_params(read(trunk.network, x), num_components, training), x, read
    features, read = (x, read) if trunk is None else (read(trunk, x), call)
    heads = encoders[:num_components]
    if merged and trunk is not None and can_merge(heads, num_shared):
        return merged_params(heads, features, num_shared), features, read
    outputs = [read(encoder, features) for encoder in heads]
    if num_shared == 0:
        return keras.ops.stack(outputs, axis=1), features, read
    first, shared = outputs[0][:, :-num_shared], outputs[0][:, -num_shared:]
    others = [output[:, : first.shape[-1]] for output in outputs[1:]]
    return joined(keras.ops.stack([first, *others], axis=1), shared), features, read


def _feature_size(network) -> int:
    """Returns F; raises ValueError unless the network is built and has one output [B, F]."""
    shape = getattr(network, "output_shape", None) if isinstance(network, keras.Layer) else None
    if not isinstance(shape, tuple) or len(shape) != 2 or not isinstance(shape[-1], int):
        raise ValueError(
            "`network` must be a Keras model that is built, with one output of shape (None, F), the features. "
            f"Received: {network!r}, with outputs of shape {shape}."
        )
    return shape[-1]


def _call(network, x, training):
    return network(x, training=training)
