"""A VAE and a mixture of three Gaussians on the prose that comes with Python: text VAEs in minutes, no download.

    python recipes/docs_text.py

About 1,000 training sentences, 1,500 words. Under 5 minutes on 2 CPU cores. `runs/docs_text/` gets the table's
numbers, sentences that the models write, curves of mutual information, KL and active units, and a SavedModel.
"""

from typing import Any

from rme_tf import experiments
from rme_tf.experiments import Part

DOCS = experiments.TextRecipe(
    corpus="docs",
    vocabulary_size=1500,
    components=3,
    latent_dim=8,
    encoder=Part("lstm", units=96, embedding_size=64),
    decoder=Part("lstm", units=96, embedding_size=64, word_dropout=0.3),
    algorithm=Part("recursive_mixture", kl_weight=Part("linear", steps=300), free_bits=0.5, warm_start_epochs=3),
    epochs=15,
    optimizer=Part("adam", learning_rate=3e-3),
    importance_samples=100,
    out="runs/docs_text",
)

if __name__ == "__main__":
    recipe = experiments.parse(DOCS, __doc__)
    plain = {"components": 1, "algorithm": "elbo"}
    exact = {"importance_samples": 1, "more_importance_samples": None}
    variants: dict[str, dict[str, Any]] = {
        "LM": {**plain, "language_model": True, **exact, "out": f"{recipe.out}/lm"},
        "VAE": {**plain, "out": f"{recipe.out}/vae"},
        "RME": {"out": f"{recipe.out}/rme"},
    }
    experiments.compare(
        {name: experiments.with_fields(recipe, changes) for name, changes in variants.items()},
        out=recipe.out,
        results=f"{recipe.out}/results",
    )
