"""Base class of autoregressive decoders [z, x] -> outputs."""

import keras


class AutoregressiveDecoder(keras.Model):
    """A decoder [z, x] -> outputs that is causal in x.

    Output t depends on z and x_1 ... x_{t-1}.

    To be implemented by subclasses:
        * `config`: dict of the arguments of the constructor.
        * `call(inputs, training)`: outputs of all parts, for z [N, D] and x.
        * `initial_state(z)`: state before the first part.
        * `step(previous, state, z)`: outputs of one part and the next state, for the part before it.

    May be overridden:
        * `largest_map`: number of values in the largest layer for one row, which sets the chunks of an evaluation.
    """

    autoregressive = True
    config: dict

    def get_config(self):
        """Returns the arguments of the constructor."""
        return {**super().get_config(), **self.config}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """Returns a decoder with the arguments in `config`."""
        del custom_objects
        return cls(**config)
