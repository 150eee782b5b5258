"""Scripts of recipes, installed with the library or in a checkout."""

import importlib.util
import pathlib
import runpy
import sys
from collections.abc import Sequence

INSTALLED = "rme_tf.recipes"
CHECKOUT = pathlib.Path(__file__).resolve().parents[3]


def run_script(name: str, words: Sequence[str]) -> None:
    """Runs a script of a recipe.

    Args:
        name: name of the script, without its suffix.
        words: words of its command line.

    Raises:
        ValueError: if the script is neither installed nor in a checkout, and as the script does.
    """
    sys.argv = [f"rme study {name}", *words]
    path = CHECKOUT / "recipes" / f"{name}.py"
    if (CHECKOUT / "setup.py").is_file() and path.is_file():
        runpy.run_path(str(path), run_name="__main__")
    elif importlib.util.find_spec(INSTALLED) is not None:
        runpy.run_module(f"{INSTALLED}.{name}", run_name="__main__")
    else:
        raise ValueError(f"Expected the script {name}.py, installed or in {path.parent}. Received neither.")
