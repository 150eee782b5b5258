"""Named recipes of sentences: settings by corpus.

The script of the same name in `recipes/` has the purpose of each, and the numbers to expect.
"""

from typing import Any

from rme_tf.experiments.parts.part import Part
from rme_tf.experiments.recipes.named import NamedRecipes
from rme_tf.experiments.recipes.published import HE_2019_DOCUMENTS, he_2019
from rme_tf.experiments.recipes.text import TextRecipe

_SETTINGS: dict[str, dict[str, Any]] = {
    "docs_text": {
        "corpus": "docs",
        "vocabulary_size": 1500,
        "components": 3,
        "latent_dim": 8,
        "encoder": Part("lstm", units=96, embedding_size=64),
        "decoder": Part("lstm", units=96, embedding_size=64, word_dropout=0.3),
        "algorithm": Part("recursive_mixture", kl_weight=Part("linear", steps=300), free_bits=0.5, warm_start_epochs=3),
        "epochs": 15,
        "optimizer": Part("adam", learning_rate=3e-3),
        "importance_samples": 100,
        "out": "runs/docs_text",
    },
    "ptb": {
        **he_2019(units=256, embedding_size=256, annealing_steps=13_140),
        "corpus": "data/ptb",
        "tokenizer": "whitespace",
        "vocabulary_size": 10_000,
        "max_length": 84,
        "components": 3,
        "epochs": 60,
        "out": "runs/ptb",
    },
    "snli": {
        **he_2019(units=256, embedding_size=256, annealing_steps=31_250),
        "corpus": "data/snli",
        "vocabulary_size": 10_000,
        "max_length": 60,
        "components": 3,
        "epochs": 40,
        "out": "runs/snli",
    },
    "text": {
        "vocabulary_size": 1500,
        "components": 3,
        "latent_dim": 16,
        "algorithm": Part("recursive_mixture", kl_weight=Part("linear", steps=1000), free_bits=0.25),
        "out": "runs/text",
    },
    "yahoo": {**HE_2019_DOCUMENTS, "corpus": "data/yahoo", "components": 3, "out": "runs/yahoo"},
    "yelp": {**HE_2019_DOCUMENTS, "corpus": "data/yelp", "components": 3, "out": "runs/yelp"},
}

TEXT_RECIPES = NamedRecipes(TextRecipe, _SETTINGS)
