"""Recipes, the runs of them, and reports on their records.

`recipes` configure runs, `runs` execute them, one or many, `pages` show a run as HTML, and `reports` render tables,
figures and documents from the records; `studies` measure trained models and inference alone; `cli` parses the command
line.
"""

from rme_tf.experiments.cli import parse
from rme_tf.experiments.comparisons import Design, run_design
from rme_tf.experiments.pages import write_report
from rme_tf.experiments.parts import Part, with_fields
from rme_tf.experiments.recipes.base import Recipe
from rme_tf.experiments.recipes.image_settings import IMAGE_RECIPES
from rme_tf.experiments.recipes.images import ImageRecipe
from rme_tf.experiments.recipes.published import HE_2019, HE_2019_DOCUMENTS, he_2019
from rme_tf.experiments.recipes.run import Run
from rme_tf.experiments.recipes.table_settings import TABLE_RECIPES
from rme_tf.experiments.recipes.tables import TableRecipe
from rme_tf.experiments.recipes.text import TextRecipe
from rme_tf.experiments.recipes.text_settings import TEXT_RECIPES
from rme_tf.experiments.reports.paired_comparison import write_comparison
from rme_tf.experiments.reports.records import load_records, load_study
from rme_tf.experiments.runs.command_lines import recipe_of_words
from rme_tf.experiments.runs.equal_time import run_at_equal_time
from rme_tf.experiments.runs.log_likelihoods import EstimatorFields, compare_estimators
from rme_tf.experiments.runs.methods import method_recipes, setting_name
from rme_tf.experiments.runs.runner import run
from rme_tf.experiments.runs.side_by_side import compare, main
from rme_tf.experiments.runs.strategies import join_workers
from rme_tf.experiments.runs.study import run_comparison, run_study, show_study
from rme_tf.experiments.runs.study_fields import ComparisonFields, EqualTimeFields, StudyFields
from rme_tf.experiments.runs.study_script import run_methods
from rme_tf.experiments.runs.time_limits import deadline_in
from rme_tf.experiments.studies.digits import DigitsStudy, run_instrumented_methods
from rme_tf.experiments.studies.fields import InferenceFields
from rme_tf.experiments.studies.frozen_decoders import Decoder
from rme_tf.experiments.studies.inference_runs import run_inferences
from rme_tf.experiments.studies.inferences import Inference
from rme_tf.experiments.studies.instrumented import run_instrumented
from rme_tf.experiments.studies.instruments import measure
from rme_tf.experiments.studies.measurement import InstrumentFields, Measurement
from rme_tf.experiments.studies.posterior_growth import run_growth

__all__ = [
    "ComparisonFields",
    "Decoder",
    "Design",
    "DigitsStudy",
    "EqualTimeFields",
    "EstimatorFields",
    "HE_2019",
    "HE_2019_DOCUMENTS",
    "IMAGE_RECIPES",
    "ImageRecipe",
    "Inference",
    "InferenceFields",
    "InstrumentFields",
    "Measurement",
    "Part",
    "Recipe",
    "Run",
    "StudyFields",
    "TABLE_RECIPES",
    "TEXT_RECIPES",
    "TableRecipe",
    "TextRecipe",
    "compare",
    "compare_estimators",
    "deadline_in",
    "he_2019",
    "join_workers",
    "load_records",
    "load_study",
    "main",
    "measure",
    "method_recipes",
    "parse",
    "recipe_of_words",
    "run",
    "run_at_equal_time",
    "run_comparison",
    "run_design",
    "run_growth",
    "run_inferences",
    "run_instrumented",
    "run_instrumented_methods",
    "run_methods",
    "run_study",
    "setting_name",
    "show_study",
    "with_fields",
    "write_comparison",
    "write_report",
]
