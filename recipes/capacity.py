"""Smaller, conditioned and recurrent encoders of the components after the first.

Why are they behind separate encoders: the warm start, which only copies encoders of one shape (`_cold` is without it;
`conditioned_exact` copies exactly), a hidden layer more (`deep`), capacity (`half`), or the learning rate (`_fast`)?

    python recipes/capacity.py --dataset mnist --train-size 5000 --test-size 400 --latent-dim 20 --epochs 12 \
        --algorithm.warm-start-epochs 2 --importance-samples 200 --instruments components
    python recipes/capacity.py --methods separate smaller smaller_cold conditioned conditioned_exact recurrent

About 10 and 3 minutes on one CPU core. Numbers, of a shorter run, and answer: docs/studies/capacity.md.
"""

import dataclasses
from typing import Any

from rme_tf import experiments

MLP = experiments.Part("mlp", units=(100, 100), activation="tanh")
CONDITIONED: dict[str, Any] = {"trunk": "conditioned", "trunk.units": 100, "trunk.activation": "tanh"}
RECURRENT: dict[str, Any] = {"trunk": "recurrent", "trunk.units": 100}
LATER: dict[str, dict[str, Any]] = {"smaller": {"later_width": 0.5}, "conditioned": CONDITIONED, "recurrent": RECURRENT}
NETWORKS: dict[str, dict[str, Any]] = {"separate": {}, "deep": {"encoder.units": (100, 100, 100)}, **LATER}
COLD: dict[str, Any] = {"algorithm.warm_start_epochs": 0}
METHODS = NETWORKS | {f"{name}_cold": {**network, **COLD} for name, network in NETWORKS.items()}
METHODS |= {f"{name}_fast": {**network, "optimizer.learning_rate": 3e-3} for name, network in NETWORKS.items()}
METHODS |= {"half": {"encoder.units": (50, 50)}, "conditioned_exact": {**CONDITIONED, "trunk.exact_copies": True}}
METHODS["conditioned_relu"] = {"trunk": "conditioned"}  # 256 rectified units, the library's default
CONTRASTS = [(f"{name}{ending}", f"separate{ending}") for ending in ("", "_cold", "_fast") for name in LATER]
CONTRASTS += [("conditioned", "deep"), ("recurrent", "deep"), ("conditioned_cold", "deep_cold"), ("half", "separate")]
CONTRASTS += [("conditioned_exact", "conditioned"), ("conditioned_relu", "conditioned")]
QUANTITIES = ("test ELBO", "test log p(x)", "test amortization gap", "inference parameters")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Study(experiments.DigitsStudy):
    """Several methods on one data set; other flags apply to all methods."""

    methods: tuple[str, ...] = tuple(METHODS)
    encoder: experiments.Part = MLP
    decoder: experiments.Part = MLP
    components: int = 4
    algorithm: experiments.Part = experiments.Part(warm_start_epochs=10)
    epochs: int = 60
    instruments: tuple[str, ...] = ("gaps",)
    measured: int = 10
    out: str = "runs/capacity"


if __name__ == "__main__":
    study = experiments.parse(Study(), __doc__)
    experiments.run_instrumented_methods(study, METHODS, CONTRASTS, QUANTITIES, setting=study.dataset)
