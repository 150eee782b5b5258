"""The contract of a decoder that sees, beside z, the parts of x before the one that it speaks of."""

import keras


class AutoregressiveDecoder(keras.Model):
    """A decoder [z, x] -> outputs, of which each has seen the parts of x before its own, and no more.

    To be implemented by subclasses:
        * `config`: the arguments of the constructor, by name.
        * `call(inputs, training)`: the outputs for z [N, D] and all of x at once.
        * `initial_state(z)`: what is kept before the first part.
        * `step(previous, state, z)`: the outputs for one part and the state after it, given the part before.

    May be overridden:
        * `largest_map`: the numbers in its largest layer, for one row; evaluations go by it.
    """

    autoregressive = True
    config: dict

    def get_config(self):
        """Returns the arguments of the constructor."""
        return {**super().get_config(), **self.config}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """Returns a decoder with these arguments."""
        del custom_objects
        return cls(**config)
