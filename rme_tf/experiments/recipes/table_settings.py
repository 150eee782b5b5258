"""Settings of recipes of tables, by name."""

from rme_tf.experiments.recipes.tables import TableRecipe

TABLE_RECIPES = {"table_data": TableRecipe(out="runs/table_data")}
