"""Recipes, their runs, and what is made of them: what a recipe script needs.

`recipe` says what a run is, `images` and `text` what it is on, `runner` runs it; `study` runs many, `compare` a few to
look at, as `gallery` and `sentences` show them; `tables` and `figures` are of records, `report` puts them into the
documents; `methods` are the field's, `comparison` their table, of what `loading` finds; `settings` are published ones.
"""

from rme_tf.experiments.compare import compare, main
from rme_tf.experiments.comparison import write_comparison
from rme_tf.experiments.images import ImageRecipe
from rme_tf.experiments.limits import deadline_in
from rme_tf.experiments.loading import load_records, load_study
from rme_tf.experiments.methods import method_recipes, setting_name
from rme_tf.experiments.options import parse
from rme_tf.experiments.recipe import Recipe
from rme_tf.experiments.runner import run
from rme_tf.experiments.settings import HE_2019, HE_2019_DOCUMENTS
from rme_tf.experiments.study import run_comparison, run_study, show_study
from rme_tf.experiments.task import Run
from rme_tf.experiments.text import TextRecipe

__all__ = [
    "HE_2019",
    "HE_2019_DOCUMENTS",
    "ImageRecipe",
    "Recipe",
    "Run",
    "TextRecipe",
    "compare",
    "deadline_in",
    "load_records",
    "load_study",
    "main",
    "method_recipes",
    "parse",
    "run",
    "run_comparison",
    "run_study",
    "setting_name",
    "show_study",
    "write_comparison",
]
