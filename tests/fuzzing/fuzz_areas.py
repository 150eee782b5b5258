"""The areas of malformed inputs, with their shares."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import fuzz_calls
import fuzz_files
import fuzz_images
import fuzz_recipes
import fuzz_runs


class Area(NamedTuple):
    """Cases of one kind."""

    draw: Callable  # (rng, folder) -> Case
    share: int


AREAS = {
    "calls": Area(fuzz_calls.calls, 8),
    "data": Area(fuzz_calls.data, 5),
    "classes": Area(fuzz_calls.classes, 8),
    "recipes": Area(fuzz_recipes.in_python, 8),
    "yaml": Area(fuzz_recipes.in_yaml, 6),
    "yaml texts": Area(fuzz_recipes.texts, 3),
    "flags": Area(fuzz_recipes.flags, 4),
    "command": Area(fuzz_recipes.command, 3),
    "text": Area(fuzz_files.text_files, 4),
    "tokenizers": Area(fuzz_files.tokenizers, 3),
    "tables": Area(fuzz_files.tables, 4),
    "matlab": Area(fuzz_files.matlab, 2),
    "images": Area(fuzz_images.images, 3),
    "urls": Area(fuzz_images.urls, 1),
    "runs": Area(fuzz_runs.runs, 1),
}


def order(areas: Mapping[str, Area]) -> list[str]:
    """Returns the areas in turn, each as often as its share, spread out."""
    places = [((index + 0.5) / area.share, name) for name, area in areas.items() for index in range(area.share)]
    return [name for _, name in sorted(places)]
