"""Dataclasses that Keras saves with a model."""

import dataclasses
import numbers

import keras


def is_number(value) -> bool:
    """Returns whether a value is a real number: what is none, a string say, cannot be compared with one."""
    return isinstance(value, numbers.Real)


class Configured:
    """Gives a dataclass, registered with Keras, its `get_config` and `from_config`.

    Fields may be numbers, strings, None, and objects that Keras serialises: other such dataclasses, say.
    """

    def get_config(self) -> dict:
        """Returns the fields, by name, serialised."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}  # type: ignore[arg-type]
        return {name: keras.saving.serialize_keras_object(value) for name, value in values.items()}

    @classmethod
    def from_config(cls, config: dict):
        """Returns the object with these fields."""
        return cls(**{name: keras.saving.deserialize_keras_object(value) for name, value in config.items()})
