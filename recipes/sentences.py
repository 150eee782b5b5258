"""RME and the VAE of sentences under the same remedies.

Does the recursion help against posterior collapse, or do the remedies around it? Without any, with a rising KL weight
(`_annealed`), and with 0.25 nats of free bits a dimension besides (`_free_bits`); a VAE of three samples and a mixture
encoder have as many codes decoded in a step as RME. Methods of a seed share initial weights and the order of the data.

    python recipes/sentences.py
    python recipes/sentences.py --train captions/train.txt --validation captions/validation.txt \
        --test captions/test.txt --lowercase --vocabulary-size 5000 --train-size 20000 --test-size 1000 \
        --batch-size 128 --results runs/results/sentences_captions

Not timed yet. Numbers and answer: docs/studies/sentences.md.
"""

import dataclasses
from typing import Any, ClassVar

from rme_tf import experiments

ONE: dict[str, Any] = {"components": 1, "algorithm": "elbo"}
ANNEALED: dict[str, Any] = {"algorithm.kl_weight": "linear"}
FREE_BITS: dict[str, Any] = {**ANNEALED, "algorithm.free_bits": 0.25}
REMEDIES: dict[str, dict[str, Any]] = {"": {}, "_annealed": ANNEALED, "_free_bits": FREE_BITS}
METHODS: dict[str, dict[str, Any]] = {
    **{f"vae{ending}": {**ONE, **remedy} for ending, remedy in REMEDIES.items()},
    **{f"rme3{ending}": remedy for ending, remedy in REMEDIES.items()},
    "vae_3_samples_free_bits": {**ONE, **FREE_BITS, "algorithm.num_samples": 3},
    "me3_free_bits": {**FREE_BITS, "algorithm": "elbo"},
    "lm": {**ONE, "language_model": True, "importance_samples": 1, "more_importance_samples": None},  # exact
}
CONTRASTS = [(f"rme3{ending}", f"vae{ending}") for ending in REMEDIES]
CONTRASTS += [("rme3_free_bits", other) for other in ("vae_3_samples_free_bits", "me3_free_bits", "lm")]
QUANTITIES = ("test log p(x)", "test ELBO", "I(x; z)", "reliance on z", "active units")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Study(experiments.TextRecipe, experiments.StudyFields):
    """Models of sentences; other flags apply to all methods."""

    SEVERAL: ClassVar[bool] = True
    methods: tuple[str, ...] = tuple(METHODS)
    seeds: int = 3
    weights_by_name: bool = True
    algorithm: experiments.Part = experiments.Part(kl_weight=experiments.Part(steps=500))
    epochs: int = 8
    optimizer: experiments.Part = experiments.Part(learning_rate=3e-3, global_clipnorm=5.0)
    vocabulary_size: int = 1500
    out: str = "runs/sentences"


if __name__ == "__main__":
    study = experiments.parse(Study(), __doc__)
    recipes = experiments.method_recipes(study.methods, experiments.TextRecipe, study, methods=METHODS)
    experiments.run_instrumented(recipes, CONTRASTS, QUANTITIES, seeds=study.seeds, **study.folders())
