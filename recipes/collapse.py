"""Posterior collapse of text VAEs, and what helps: VAE, annealing, free bits, aggressive training, mixtures.

Each beside an LSTM language model of the same decoder, on prose that comes with Python or a corpus of your own:

    python recipes/collapse.py
    python recipes/collapse.py --corpus FOLDER --vocabulary-size 10000 --latent-dim 16 --methods lm vae rme3

One record a run in `--results`, with the diagnostics of every epoch; a study that was cut short goes on when the
command is repeated. Prints the table and draws mutual information, KL and active units over training in `--out`.
"""

import dataclasses
from typing import Any

import rme_tf

ONE: dict[str, Any] = {"components": 1, "algorithm": "elbo"}
REMEDY: dict[str, Any] = {"annealing": "linear", "free_bits": 0.25}
METHODS: dict[str, dict[str, Any]] = {
    "lm": {**ONE, "language_model": True, "importance_samples": 1},  # its likelihood is exact
    "vae": ONE,
    "vae_annealed": {**ONE, "annealing": "linear"},
    "vae_free_bits": {**ONE, **REMEDY},
    "vae_aggressive": {**ONE, "annealing": "linear", "aggressive": True},
    "me3": {**REMEDY, "components": 3, "algorithm": "elbo"},
    **{f"rme{m}": {**REMEDY, "components": m} for m in (2, 3, 4, 5)},
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Study(rme_tf.TextRecipe):
    """Several methods on one corpus; what a method does not set itself is as in the other flags.

    Args:
        seeds: runs of each method.
        methods: names of the methods to run.
        results: directory of the records.
    """

    seeds: int = 1
    methods: tuple[str, ...] = tuple(METHODS)
    results: str = "recipes/results/collapse"
    annealing_steps: int = 150
    epochs: int = 20
    learning_rate: float = 3e-3
    vocabulary_size: int = 1500
    out: str = "runs/collapse"


if __name__ == "__main__":
    study = rme_tf.parse(Study(), __doc__)
    recipes = rme_tf.method_recipes(study.methods, rme_tf.TextRecipe, study, methods=METHODS)
    rme_tf.run_study(recipes, seeds=study.seeds, out=study.out, results=study.results)
