"""Trials of hyperparameters: the best ones, and their table."""

import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from rme_tf.experiments.reports.configuration import fields
from rme_tf.experiments.reports.tables import Record, by_method, markdown_table

# Columns of the table, by the last names of the fields that trials set.
COLUMNS = {
    "optimizer.learning_rate": "learning rate",
    "algorithm.kl_weight.name": "KL weight",
    "algorithm.kl_bound": "C",
    "algorithm.warm_start_epochs": "warm start",
}


def trial_name(family: str, index: int) -> str:
    """Returns the name of a trial, such as "vae_trial0"."""
    return f"{family}_trial{index}"


def split_trial(name: str) -> tuple[str, int]:
    """Returns the family and the number of a trial.

    Raises:
        ValueError: for another name.
    """
    match = re.fullmatch(r"(.+)_trial(\d+)", name)
    if match is None:
        raise ValueError(f"Expected the name of a trial, such as vae_trial0. Received: {name!r}.")
    return match[1], int(match[2])


def validation_elbo(records: Sequence[Record]) -> float:
    """Returns the last validation ELBO in nats, the mean over seeds.

    It is -inf if a seed has NaN.
    """
    values = [record["history"]["val_elbo"][-1] for record in records]
    return float(np.mean([-math.inf if value is None or math.isnan(value) else value for value in values]))


def best_trials(records: Sequence[Record]) -> dict[str, int]:
    """Returns the trial of the largest validation ELBO, by family."""
    best: dict[str, tuple[float, int]] = {}
    for name, group in by_method(records).items():
        family, index = split_trial(name)
        best[family] = max(best.get(family, (-math.inf, index)), (validation_elbo(group), index))
    return {family: index for family, (_, index) in best.items()}


def trial_rows(records: Sequence[Record]) -> list[dict[str, Any]]:
    """Returns the rows of the table of trials.

    A row has the best trial of a family, and the range of all.
    """
    rows = []
    for family, index in best_trials(records).items():
        trials = {name: group for name, group in by_method(records).items() if split_trial(name)[0] == family}
        values = [validation_elbo(group) for group in trials.values()]
        best, *_ = trials[trial_name(family, index)]
        config = {".".join(path): value for path, value in fields(best["config"])}
        mixture = config["components"] > 1
        shown = {title: config.get(name) for name, title in COLUMNS.items()}
        shown["warm start"] = shown["warm start"] if mixture else None
        shown["KL weight"] = shown["KL weight"] or "constant"
        text = {title: "" if value is None else str(value) for title, value in shown.items()}
        elbos = f"{max(values):.2f} ({len(values)} trials from {min(values):.2f})"
        rows.append({"family": family, **text, "validation ELBO": elbos})
    return rows


def trial_table(records: Sequence[Record]) -> str:
    """Returns the table of trials in Markdown."""
    return markdown_table(trial_rows(records))
