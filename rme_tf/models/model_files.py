"""Files of models, checked for damage and for their versions."""

import json
import os
import zipfile

import keras

from rme_tf.core.files import as_path
from rme_tf.version import __version__

VERSION = "version"  # entry of the configuration of a `VAE`
CONFIG = "config.json"  # name in a `.keras` file
UNKNOWN = "before 0.1.0"  # version of a file without the entry


def load_model(path, *, compile=True):
    """Returns the model in a `.keras` file, in Keras's safe mode.

    Args:
        path: path of the file.
        compile: whether the model is compiled as it was, with its optimizer.

    Raises:
        ValueError: if the file is missing, damaged, or of a version that this one does not load; the message has the
            version.
    """
    path = as_path(path)
    version = version_of(path)
    try:
        return keras.saving.load_model(path, compile=compile)
    except Exception as error:  # Keras raises errors of many types
        problem = " ".join(str(error).split())[:300]
        raise ValueError(
            f"Expected a model that rme_tf {__version__} and Keras {keras.__version__} load. Received: {path}, written "
            f"by rme_tf {version}, or damaged ({type(error).__name__}: {problem})."
        ) from error


def version_of(path) -> str:
    """Returns the version of the library that wrote a `.keras` file.

    Raises:
        ValueError: if the file is missing or damaged.
    """
    if not os.path.isfile(path):
        raise ValueError(f"Expected a model in a `.keras` file. Received: {path}, which is not there.")
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()  # by the checksum of each member
            config = json.loads(archive.read(CONFIG)) if damaged is None else {}
    except Exception as error:  # zipfile raises errors of many types
        raise ValueError(
            f"Expected a model in a `.keras` file. Received: {path}, which is damaged or another file "
            f"({type(error).__name__}: {error})."
        ) from error
    if damaged is not None or not isinstance(config, dict):
        raise ValueError(
            f"Expected a model in a `.keras` file. Received: {path}, whose {damaged or CONFIG} is damaged."
        )
    entries = config.get("config")
    return entries.get(VERSION, UNKNOWN) if isinstance(entries, dict) else UNKNOWN
