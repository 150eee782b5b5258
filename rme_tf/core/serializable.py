"""Base class of dataclasses that Keras saves with a model."""

import dataclasses

import keras


class Configured:
    """Adds `get_config` and `from_config` to a dataclass registered with Keras.

    Fields may be numbers, strings, None, and objects that Keras serializes, such as other dataclasses of this kind.
    """

    def get_config(self) -> dict:
        """Returns the serialized fields by name."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}  # type: ignore[arg-type]
        return {name: keras.saving.serialize_keras_object(value) for name, value in values.items()}

    @classmethod
    def from_config(cls, config: dict):
        """Returns an object with the fields in `config`."""
        return cls(**{name: keras.saving.deserialize_keras_object(value) for name, value in config.items()})
