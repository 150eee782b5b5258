"""VAE, annealed VAE and RME with a gated PixelCNN decoder, on MNIST.

An autoregressive decoder may ignore z, and the posterior then collapses, as with an LSTM on sentences
(recipes/collapse.py; Chen et al. 2017, Gulrajani et al. 2017). Bernoulli pixels, binarized again for each
batch; validation and test sets of 10,000, binarized once.

    python recipes/pixelcnn.py --seeds 3
    python recipes/pixelcnn.py --train-size 20000 --test-size 500 --epochs 5 --algorithm.kl-weight.steps 400 \
        --algorithm.warm-start-epochs 1 --decoder.num-layers 3 --decoder.filters 16 --importance-samples 50 \
        --diagnosed 500

The second command takes under an hour on one CPU core. `--results` receives one record a run, with the diagnostics of
every epoch; an interrupted study is resumed by the same command. NLL, KL, I(x; z), active units and the reliance of the
decoder on z are printed, and drawn over training in `--out`; samples and reconstructions are in its folder `shown`.
Recorded, at the second size, in recipes/results/pixelcnn.jsonl; table and figures in docs/images.md.
"""

import dataclasses
from typing import Any, ClassVar

from rme_tf import experiments

ANNEALED: dict[str, Any] = {"algorithm.kl_weight": "linear"}
METHODS: dict[str, dict[str, Any]] = {
    "vae": {"components": 1, "algorithm": "elbo"},
    "vae_annealed": {**ANNEALED, "components": 1, "algorithm": "elbo"},
    "rme3": {**ANNEALED, "components": 3},
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Study(experiments.ImageRecipe, experiments.StudyFields):
    """Several methods on one data set; other flags apply to all methods."""

    SEVERAL: ClassVar[bool] = True
    methods: tuple[str, ...] = tuple(METHODS)
    decoder: experiments.Part = experiments.Part("pixelcnn")
    algorithm: experiments.Part = experiments.Part(kl_weight=experiments.Part(steps=2000))
    diagnosed: int | None = 1000
    importance_samples: int = 500
    out: str = "runs/pixelcnn"


if __name__ == "__main__":
    study = experiments.parse(Study(), __doc__)
    experiments.run_methods(study, experiments.ImageRecipe, METHODS, show=True)
