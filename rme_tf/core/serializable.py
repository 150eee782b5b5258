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
        """Returns an object with the fields in `config`.

        A count that was saved as a whole float is an integer.
        """
        counts = {field.name for field in dataclasses.fields(cls) if field.type in (int, int | None)}  # type: ignore[arg-type]
        values = {name: keras.saving.deserialize_keras_object(value) for name, value in config.items()}
        for name in counts & values.keys():
            if isinstance(values[name], float) and values[name].is_integer():
                values[name] = int(values[name])
        return cls(**values)
