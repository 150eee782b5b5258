"""Named recipes of tables, and of signals in their rows."""

from typing import Any

from rme_tf.experiments.parts.part import Part
from rme_tf.experiments.recipes.named import NamedRecipes
from rme_tf.experiments.recipes.tables import TableRecipe

_SETTINGS: dict[str, dict[str, Any]] = {
    "signals": {
        "table": "waveform",
        "encoder": Part("conv1d", filters=(16, 32), hidden=64),
        "decoder": Part("conv1d", filters=(16, 32), hidden=64),
        "latent_dim": 3,
        "components": 3,
        "epochs": 40,
        "batch_size": 64,
        "out": "runs/signals",
    },
    "table_data": {"out": "runs/table_data"},
}

TABLE_RECIPES = NamedRecipes(TableRecipe, _SETTINGS)
