"""Samples and exports of finished runs, for `rme`."""

import importlib.util
import pathlib
from typing import Any

from rme_tf.core.files import check_writable
from rme_tf.core.registry import lookup
from rme_tf.data import text
from rme_tf.experiments.commands.finished import load_model, recipe_of
from rme_tf.experiments.commands.samples import Draws
from rme_tf.experiments.recipes.tokenizers import KEPT
from rme_tf.serving.saved_model import export_saved_model

# Formats, with the name of the file in the directory of the run.
FORMATS = {"saved_model": "saved_model", "onnx": "encode.onnx", "litert": "encode.tflite"}


def sample(run: str, *, count: int, seed: int = 0, out: str | None = None) -> None:
    """Writes draws from the prior of a finished run's model.

    Args:
        run: directory of the run.
        count: number of draws.
        seed: seed of the draws.
        out: directory of the files; None for `samples` in the directory of the run.

    Raises:
        ValueError: if the run has not been finished, or the directory cannot be written.
    """
    folder = pathlib.Path(run) / "samples" if out is None else pathlib.Path(out)
    check_writable(folder, "out")
    kind, recipe = recipe_of(run)
    model = load_model(run)
    folder.mkdir(parents=True, exist_ok=True)
    paths = kind.sample(Draws(model, pathlib.Path(run), recipe, count, seed, folder))
    print(f"{count:,} draws: {paths[0] if len(paths) == 1 else folder}")


def export(run: str, *, out: str | None = None, format: str = "saved_model") -> None:
    """Writes the model of a finished run for other programs.

    Args:
        run: directory of the run.
        out: directory of the SavedModel, or file of another format; None for a place in the directory of the run.
        format: "saved_model" with all endpoints, or "onnx" or "litert" with the encoder.

    Raises:
        ValueError: if the run has not been finished, the format is unknown, or `out` cannot be written.
    """
    place = pathlib.Path(run) / lookup(FORMATS, format, "format") if out is None else pathlib.Path(out)
    check_writable(place if format == "saved_model" else place.absolute().parent, "out")
    recipe, model = recipe_of(run)[1], load_model(run)
    if format == "saved_model":
        export_saved_model(model, place, **_text_options(pathlib.Path(run), recipe))
    else:
        model.export(place, format=format)
    print(f"Exported: {place}")


def _text_options(run: pathlib.Path, recipe) -> dict[str, Any]:
    """Returns the options of an export with text, for a run on sentences only."""
    if not (run / KEPT).is_file():
        return {}
    return {
        "tokenizer": text.load_tokenizer(run / KEPT),
        "max_length": recipe.max_length,
        "strings": importlib.util.find_spec("tensorflow_text") is not None,
    }
