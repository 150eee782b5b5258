"""Boosted variational inference against the bounded KL of the recursion, amortized.

With Q the mixture before it, a component q ascends ELBO(q) + KL(q || Q) + lambda H(q) in boosting (`bvi_LAMBDA`), and
ELBO(q) + BKL(q || Q), bounded by C, in RME (`rme_C`). Does amortized boosting fail without a bound, and why? Controls:
tails of Q heavier than the prior's (`_student`), and learned weights (`_learned`).

    python recipes/boosting.py

About 5 minutes on one CPU core. Numbers, of a shorter run, and answer: docs/studies/boosting.md.
"""

import dataclasses
from typing import Any

from rme_tf import experiments

BOOSTED: dict[str, Any] = {"algorithm": "boosted"}
STUDENT, LEARNED = {"posterior": "student_t"}, {"mixing": "learned"}
METHODS: dict[str, dict[str, Any]] = {
    **{f"rme_{bound}": {"algorithm.kl_bound": float(bound)} for bound in (3, 1, 10)},
    "rme_none": {"algorithm.bound": "none"},
    **{f"bvi_{weight}": {**BOOSTED, "algorithm.entropy_weight": weight} for weight in (0.1, 1.0, 10.0)},
}
METHODS |= {"rme_3_learned": LEARNED, "bvi_1.0_learned": {**BOOSTED, **LEARNED}}
METHODS |= {"rme_3_student": STUDENT, "bvi_1.0_student": {**BOOSTED, **STUDENT}}
CONTRASTS = [(name, "rme_3") for name in ("rme_1", "rme_10", "rme_none", "bvi_0.1", "bvi_1.0", "bvi_10.0")]
CONTRASTS += [("bvi_1.0_learned", "rme_3_learned"), ("bvi_1.0_student", "rme_3_student")]
CONTRASTS += [("bvi_1.0_student", "bvi_1.0")]
QUANTITIES = ("test log p(x)", "test ELBO", "KL", "H(alpha)", "test KL of components")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Study(experiments.DigitsStudy):
    """Several methods on one data set; other flags apply to all methods."""

    methods: tuple[str, ...] = tuple(METHODS)
    components: int = 4
    algorithm: experiments.Part = experiments.Part(warm_start_epochs=10)
    epochs: int = 60
    instruments: tuple[str, ...] = ("components",)
    out: str = "runs/boosting"


if __name__ == "__main__":
    study = experiments.parse(Study(), __doc__)
    experiments.run_instrumented_methods(study, METHODS, CONTRASTS, QUANTITIES)
