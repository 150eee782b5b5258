"""Named recipes of tables."""

from rme_tf.experiments.recipes.named import NamedRecipes
from rme_tf.experiments.recipes.tables import TableRecipe

TABLE_RECIPES = NamedRecipes(TableRecipe, {"table_data": {"out": "runs/table_data"}})
