"""A model in words, and as a diagram of its parts."""

import dataclasses
import math

import keras
import numpy as np

from rme_tf.core.arguments import OF_KERAS, arguments_of

MOST_NUMBERS = 8  # of a list that is written out
_SHAPES = ("latent_dim", "event_shape")  # arguments that a description has by itself


class DescribedModel(keras.Model):
    """A model with a summary and a diagram of its parts.

    To be implemented by subclasses:
        * the parts of a `rme_tf.VAE`: `encoders`, `trunk`, `mixing_network`, `decoder`, `posterior_family`, `mixing`,
          `likelihood`, `prior`, `refinement`, `num_components`, `latent_dim`, `autoregressive`.
    """

    def summary(self, line_length=None, positions=None, print_fn=None, **kwargs):
        """Prints Keras's table of layers, then the parts in words.

        They are posterior, likelihood, prior, algorithm and weights.

        Args:
            line_length: as in `keras.Model.summary`.
            positions: as in `keras.Model.summary`.
            print_fn: function of a line that prints it; None is `print`.
            **kwargs: further arguments of `keras.Model.summary`.
        """
        super().summary(line_length=line_length, positions=positions, print_fn=print_fn, **kwargs)
        for name, words in described(self).items():
            (print_fn or print)(f" {name}: {words}")

    def diagram(self):
        """Returns a Keras model with a layer for each part, for `keras.utils.plot_model`.

        `keras.utils.plot_model(model.diagram(), "model.png", show_shapes=True, show_layer_names=True)` draws it. It
        computes nothing. For the layers of one network, plot the network: `model.encoders[0]` or `model.decoder`.
        """
        return diagram_of(self)


def described(model) -> dict[str, str]:
    """Returns words on the parts of a `VAE`, by their names."""
    count, mixing = model.num_components, call_of(model.mixing)
    components = f"{count} component{'s' if count > 1 else ''} of {call_of(model.posterior_family)}"
    trunk = "" if model.trunk is None else f", trunk {model.trunk.name}"
    weights = f", weights {mixing}" if count > 1 else ""
    algorithm = getattr(model, "algorithm", None)
    words = {
        "Posterior Q(z|x)": f"{components} of z [{model.latent_dim}]{weights}{trunk}",
        "Likelihood p(x|z)": f"{call_of(model.likelihood)} of x {_shape(model.likelihood.event_shape)}",
        "Prior p(z)": call_of(model.prior),
    }
    if model.refinement is not None:
        words["Refinement"] = call_of(model.refinement)
    words["Algorithm"] = "none before `compile`" if algorithm is None else call_of(algorithm)
    words["Weights"] = ", ".join(f"{part} {number:,}" for part, number in weights_by_part(model).items())
    return words


def call_of(part) -> str:
    """Returns the class of a part, with arguments other than defaults."""
    defaults = {name: argument.default for name, argument in arguments_of(type(part)).named.items()}
    if dataclasses.is_dataclass(part):
        values = {field.name: getattr(part, field.name) for field in dataclasses.fields(part)}
    else:
        values = {name: value for name, value in part.get_config().items() if name in defaults}
    shown = [
        f"{name}={_shown(getattr(part, name, None), value)}"
        for name, value in values.items()
        if name not in (*_SHAPES, *OF_KERAS) and not _same(value, defaults.get(name))
    ]
    return f"{type(part).__name__}({', '.join(shown)})" if shown else type(part).__name__


def _shown(attribute, value) -> str:
    """Returns the value of an argument: the class of a part, and the shape of a long list."""
    if isinstance(attribute, keras.Layer):
        return call_of(attribute)
    if isinstance(value, list) and np.size(value) > MOST_NUMBERS:
        return f"[{np.size(value)} numbers]"
    return call_of(value) if dataclasses.is_dataclass(value) else repr(value)


def weights_by_part(model) -> dict[str, int]:
    """Returns the number of weights of each part that has any.

    Shared weights count once, for the first part.
    """
    parts = {
        "encoders": model.encoders,
        "trunk": [model.trunk],
        "posterior": [model.posterior_family],
        "mixing": [model.mixing_network],
        "refinement": [model.refinement],
        "decoder": [model.decoder],
        "likelihood": [model.likelihood],
        "prior": [model.prior],
    }
    seen: set[int] = set()
    counts: dict[str, int] = {}
    for name, networks in parts.items():
        weights = {id(weight): weight for network in networks if network is not None for weight in network.weights}
        counts[name] = sum(math.prod(weight.shape) for key, weight in weights.items() if key not in seen)
        seen |= weights.keys()
    return {name: count for name, count in counts.items() if count}


class Part(keras.layers.Layer):
    """A box of a diagram, a layer that computes nothing.

    Args:
        output_size: shape of the output, without the batch.
    """

    def __init__(self, output_size, **kwargs):
        super().__init__(**kwargs)
        self.output_size = tuple(output_size)
        self.built = True

    def compute_output_shape(self, input_shape):
        """Returns the shape of the output."""
        return (None, *self.output_size)

    def compute_output_spec(self, inputs, **kwargs):
        """Returns the output as a symbolic tensor."""
        return keras.KerasTensor((None, *self.output_size), self.compute_dtype)

    def call(self, inputs):
        """Raises NotImplementedError, since a diagram computes nothing."""
        raise NotImplementedError("A diagram computes nothing. Call the model itself.")


def diagram_of(model):
    """Returns the functional model of `DescribedModel.diagram`."""
    event, latent = model.likelihood.event_shape, (model.latent_dim,)
    sizes = weights_by_part(model)
    x = keras.Input(event, name="x")
    read = x
    if model.trunk is not None:
        read = Part((None,), name=_box(f"trunk {model.trunk.name}", sizes.get("trunk")))(x)
    params = [
        Part((model.posterior_family.num_params,), name=_box(f"encoder {m}", _number(encoder)))(read)
        for m, encoder in enumerate(model.encoders)
    ]
    words = described(model)
    if model.mixing_network is not None:
        params.append(Part((model.num_components - 1,), name=_box("mixing network", sizes.get("mixing")))(read))
    z = Part(latent, name=f"Q(z|x): {words['Posterior Q(z|x)']}".replace("/", " "))(params or read)
    decoder = Part(model.likelihood.params_shape, name=_box("decoder", sizes.get("decoder")))
    decoded = decoder([z, x]) if model.autoregressive else decoder(z)
    outputs = [
        Part(event, name=f"p(x|z): {call_of(model.likelihood)}".replace("/", " "))(decoded),
        Part((), name=f"p(z): {call_of(model.prior)}".replace("/", " "))(z),
    ]
    return keras.Model(x, outputs, name=f"{model.name}_diagram")


def _number(network) -> int:
    return sum(math.prod(weight.shape) for weight in network.weights)


def _box(name: str, count: int | None) -> str:
    """Returns the name of a box, with its number of weights."""
    return f"{name}: {count:,} weights" if count else name


def _shape(shape) -> str:
    return f"[{', '.join('T' if size is None else str(size) for size in shape)}]"


def _same(value, default) -> bool:
    """Returns whether an argument has its default, lists and tuples alike."""
    pair = [list(one) if isinstance(one, list | tuple) else one for one in (value, default)]
    return pair[0] == pair[1]
