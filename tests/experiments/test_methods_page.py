"""The methods and sweeps in docs/methods.md."""

import pathlib
import re

import pytest

from rme_tf.experiments import ImageRecipe, method_recipes
from rme_tf.experiments.runs.former_methods import FORMER
from rme_tf.experiments.runs.methods import METHODS
from small_recipes import image_recipe

PAGE = (pathlib.Path(__file__).resolve().parents[2] / "docs" / "methods.md").read_text(encoding="utf-8")


def rows(header):
    """Words in code of the first two cells of a table."""
    table = PAGE.split(f"| {header} |")[1].split("\n\n")[0]
    cells = [line.split("|")[1:3] for line in table.splitlines()[2:]]
    return [[re.findall(r"`([^`]+)`", cell) for cell in pair] for pair in cells]


NAMES = rows("name | composition | paper")
SWEEPS = rows("methods | sweep | what it compares")


def test_the_page_has_every_method_once():
    assert sorted(name for names, _ in NAMES for name in names) == sorted(METHODS)


@pytest.mark.parametrize(("names", "sweeps"), SWEEPS, ids=lambda words: " ".join(words))
def test_a_sweep_of_the_page_changes_each_of_its_methods(names, sweeps):
    assert names
    for sweep in sweeps:
        needed = {"eps_min": ["mixing=learned"]}.get(sweep.partition("=")[0], [])
        for name in names:
            made = method_recipes([name], ImageRecipe, image_recipe(), components=[5], sweep=[*needed, sweep])
            assert len({str(recipe.identity) for recipe in made.values()}) == len(made) == sweep.count(",") + 1


def test_the_sweeps_of_the_page_give_all_former_methods():
    made = method_recipes(METHODS, ImageRecipe, image_recipe(), components=[5])
    for names, sweeps in SWEEPS:
        for sweep in sweeps:
            needed = {"eps_min": ["mixing=learned"]}.get(sweep.partition("=")[0], [])
            made |= method_recipes(names, ImageRecipe, image_recipe(), components=[5], sweep=[*needed, sweep])
    for base, differences in FORMER.values():
        if (
            len(differences) == 1
            and "components" not in differences
            and differences != {"algorithm.warm_start_epochs": 1}
        ):
            ((field, value),) = differences.items()
            inside = f"{field.split('.')[-1]}={value}"
            former = method_recipes([f"{base}[{inside}]"], ImageRecipe, image_recipe(), components=[5])
            assert former.keys() <= made.keys(), inside
