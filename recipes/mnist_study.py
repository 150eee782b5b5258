"""VAE, mixture encoders and RME side by side on a part of MNIST: is the mixture worth it, and which training?

20,000 training images binarised anew for each batch, the first 1,000 test images binarised once, 10 epochs,
small convolutional networks, M = 4: the plain VAE, the mixture encoder (ELBO of the mixture) with learned or
uniform weights, recursive mixture estimation (Kim and Pavlovic, NeurIPS 2020), the same with its last three epochs
spent on the ELBO of the mixture, and both mixtures with encoders that share all but their last layer. `vae_4_samples`
has as many passes through the decoder as a mixture.

    python recipes/mnist_study.py --seeds 3 --latent-dim 20

Half an hour a seed on one CPU core. Recorded in recipes/results/mnist_study_d20/; table in README.md.
"""

import dataclasses
from typing import Any

import rme_tf

METHODS: dict[str, dict[str, Any]] = {
    "vae": {"components": 1, "algorithm": "elbo"},
    "vae_4_samples": {"components": 1, "algorithm": "elbo", "num_samples": 4},
    "me_learned": {"algorithm": "elbo", "mixing": "learned", "warm_start_epochs": 0},
    "me_uniform": {"algorithm": "elbo"},
    "rme": {},
    "rme_polished": {"polish_epoch": 7},
    "me_shared": {"algorithm": "elbo", "trunk": "shared"},
    "rme_shared": {"trunk": "shared"},
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """What to run.

    Args:
        seeds: runs of each method.
        latent_dim: D.
        methods: names of the methods to run; all unless given.
        data_dir: where MNIST is kept, or prepared already.
        smoke: runs of seconds, to see that everything works.
        out: directory of the runs.
        results: directory of the records.
    """

    seeds: int = 3
    latent_dim: int = 20
    methods: tuple[str, ...] = tuple(METHODS)
    data_dir: str = "data"
    smoke: bool = False
    out: str = "runs/mnist_study"
    results: str = "recipes/results/mnist_study"


def methods(options: Options) -> dict[str, rme_tf.ImageRecipe]:
    sizes: dict[str, Any] = {"train_size": 20_000, "test_size": 1_000, "epochs": 10, "importance_samples": 100}
    given: dict[str, Any] = {"latent_dim": options.latent_dim, "data_dir": options.data_dir, "smoke": options.smoke}
    base = rme_tf.ImageRecipe(**sizes, **given, components=4)
    return rme_tf.method_recipes(options.methods, rme_tf.ImageRecipe, base, methods=METHODS)


if __name__ == "__main__":
    chosen = rme_tf.parse(Options(), __doc__)
    out, results = (f"{folder}_d{chosen.latent_dim}" for folder in (chosen.out, chosen.results))
    rme_tf.run_study(methods(chosen), seeds=chosen.seeds, out=out, results=results)
