"""All verdicts on a run."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from rme_tf.experiments.pages import data_verdicts, model_verdicts, remedies, training_verdicts
from rme_tf.experiments.pages.neighbors import Neighbors
from rme_tf.experiments.pages.verdict import BAD, GOOD, NONE, Verdict, number


class Judged(NamedTuple):
    """Evidence for the verdicts on a run."""

    record: Mapping[str, Any]
    history: Mapping[str, list]
    diagnosed: Mapping[str, float]  # entries of a report on collapse
    components: int
    latent_dim: int
    warm_start_epochs: int
    has_codes: bool = True  # false for a language model
    steps: int | None = None  # of the training
    neighbors: Neighbors | None = None


def verdicts_of(run: Judged) -> list[Verdict]:
    """Returns the verdicts on a run.

    A smoke run has no good ones, which are too early to say, and no remedies but a longer training.

    Args:
        run: what the verdicts are based on.
    """
    metrics = run.record.get("metrics", {})
    verdicts = [
        training_verdicts.finite(run.history),
        data_verdicts.noise(run.record),
        data_verdicts.unknown_tokens(run.record),
        data_verdicts.imputation(run.record),
        *(_on_codes(run) if run.has_codes else ()),
        training_verdicts.overfitting(run.history, metrics, run.warm_start_epochs),
        training_verdicts.warm_start(run.history, run.components, run.warm_start_epochs) if run.has_codes else None,
        training_verdicts.length(run.history),
        None if run.neighbors is None else _memorization(run.neighbors),
    ]
    made = [verdict for verdict in verdicts if verdict is not None]
    smoke = data_verdicts.smoke(run.record, run.steps)
    return made if smoke is None else [smoke, *(early(verdict)._replace(remedy="") for verdict in made)]


def early(verdict: Verdict) -> Verdict:
    """Returns a good verdict as one that is too early."""
    return verdict._replace(answer="too early to say", tone=NONE, certainty="") if verdict.tone == GOOD else verdict


def _on_codes(run: Judged) -> list[Verdict]:
    """Returns the verdicts on collapse and on the components."""
    test = run.record.get("metrics", {}).get("test", {})
    total = data_verdicts.nats_of_probabilities(run.record)
    collapse = model_verdicts.collapse(test, run.diagnosed, run.latent_dim, run.components, total)
    use = model_verdicts.component_use(test, run.components)
    if use.tone == BAD and not use.remedy:
        use = use._replace(remedy=remedies.components(run.record))
    if collapse.tone == BAD:
        return [collapse._replace(remedy=remedies.codes(run.record)), model_verdicts.unheard(use)]
    return [collapse, use if math.isfinite(number(run.diagnosed, "reliance")) else model_verdicts.untested(use)]


def _memorization(neighbors: Neighbors) -> Verdict:
    return model_verdicts.memorization(
        neighbors.copies,
        len(neighbors.distances),
        neighbors.test_copies,
        neighbors.tests,
        neighbors.searched,
        neighbors.of,
        neighbors.kind,
    )
