"""Keras models inside of objects that are pickled and copied."""

import pathlib
import tempfile

import keras


class PickledModel:
    """A Keras model, pickled as the bytes of its `.keras` file.

    Args:
        model: Keras model, with registered classes only.
    """

    def __init__(self, model):
        self._model = model
        self._data = b""  # of the file, from the first pickling on

    @property
    def model(self):
        """The Keras model, loaded at the first access after unpickling."""
        if self._model is None:
            with tempfile.TemporaryDirectory() as folder:
                path = pathlib.Path(folder) / "model.keras"
                path.write_bytes(self._data)
                self._model = keras.saving.load_model(path)
        return self._model

    def __getstate__(self):
        if not self._data:
            with tempfile.TemporaryDirectory() as folder:
                path = pathlib.Path(folder) / "model.keras"
                self._model.save(path)
                self._data = path.read_bytes()
        return {"_model": None, "_data": self._data}

    def __setstate__(self, state):
        self.__dict__.update(state)
