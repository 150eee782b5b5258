"""Quantities in records, by the names of their columns."""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from rme_tf.core.registry import lookup
from rme_tf.experiments.reports.tables import Record


class Column(NamedTuple):
    """A quantity in a record, None where not recorded."""

    read: Callable[[Record], float | None]
    decimals: int  # shown in tables


def at(*path: str) -> Callable[[Record], float | None]:
    """Returns the function that reads a number of a record.

    Args:
        *path: names of the places, from the outermost.
    """

    def read(record):
        place: Any = record
        for name in path:
            place = (place or {}).get(name)
        return place

    return read


def _component_elbo(record: Record) -> float | None:
    """Returns mean_x sum_m alpha_m ELBO(q_m) = ELBO(Q) - I(m; z|x), of the test set and in nats."""
    elbo, information = (record["metrics"]["test"].get(name) for name in ("elbo", "component_information"))
    return None if elbo is None or information is None else elbo - information


QUALITY: dict[str, Column] = {
    "test log p(x)": Column(at("metrics", "test", "log_likelihood"), 2),
    "train log p(x)": Column(at("metrics", "train", "log_likelihood"), 2),
    "test bits/dim": Column(at("metrics", "test", "bits_per_dimension"), 4),
    "train bits/dim": Column(at("metrics", "train", "bits_per_dimension"), 4),
    "test ELBO": Column(at("metrics", "test", "elbo"), 2),
    "components' ELBO": Column(_component_elbo, 2),
    "KL": Column(at("metrics", "test", "kl"), 2),
    "I(m; z given x)": Column(at("metrics", "test", "component_information"), 2),
    "H(alpha)": Column(at("metrics", "test", "mixing_entropy"), 2),
    "active units": Column(at("metrics", "test", "active_units"), 1),
}
COST: dict[str, Column] = {
    "epochs": Column(lambda record: len(record["history"]["seconds"]), 0),
    "training s": Column(at("seconds", "training"), 0),
    "inference ms/128": Column(at("inference_milliseconds_per_batch_of_128"), 1),
    "inference parameters": Column(at("metrics", "inference_parameters"), 0),
    "generative parameters": Column(at("metrics", "generative_parameters"), 0),
    "peak MiB": Column(at("peak_memory_mib"), 0),
}
COLUMNS = {**QUALITY, **COST}


def _train_less_test(name: str) -> Callable[[Record], float | None]:
    """Returns the function that reads the difference of a bound between the splits, in nats."""

    def read(record):
        train, test = (record["metrics"][split].get(name) for split in ("train", "test"))
        return None if train is None or test is None else train - test

    return read


def _least_weight(record: Record) -> float | None:
    """Returns the smallest mean weight of a component over the test set."""
    test = record["metrics"]["test"]
    weights = [value for name, value in test.items() if name.removeprefix("alpha_").isdecimal()]
    return min(weights) if weights else None


# Of means of instruments: the instrument, its value, and decimals.
_OF_SPLITS = {
    "inference gap": ("gaps", "inference_gap", 2),
    "approximation gap": ("gaps", "approximation_gap", 2),
    "amortization gap": ("gaps", "amortization_gap", 2),
    "ELBO(q*)": ("gaps", "optimal_elbo", 2),
    "converged": ("gaps", "converged", 2),
    "Jacobian norm": ("decoder", "frobenius_norm", 3),
    "spectral norm": ("decoder", "spectral_norm", 3),
    "optimal scale": ("decoder", "optimal_scale", 4),
    "trained scale": ("decoder", "trained_scale", 4),
    "weight norm": ("decoder", "weight_norm", 2),
    "KL of components": ("components", "mean_kl", 2),
    "KL of nearest": ("components", "smallest_kl", 2),
    "effective draws": ("proposal", "effective_sample_size", 1),
    "Pareto k": ("proposal", "median_pareto_k", 2),
    "unreliable": ("proposal", "share_unreliable", 2),
    "modes": ("modes", "num_modes", 2),
    "several modes": ("modes", "several", 2),
    "missed mass": ("modes", "missed_mass", 3),
}
# Of the test set and of the training set: "test inference gap", "train inference gap".
INSTRUMENTS: dict[str, Column] = {
    f"{split} {name}": Column(at("metrics", "instruments", instrument, split, value), decimals)
    for split in ("test", "train")
    for name, (instrument, value, decimals) in _OF_SPLITS.items()
}
FURTHER: dict[str, Column] = {
    "train ELBO": Column(at("metrics", "train", "elbo"), 2),
    "train less test log p(x)": Column(_train_less_test("log_likelihood"), 2),
    "train less test ELBO": Column(_train_less_test("elbo"), 2),
    "least mean alpha": Column(_least_weight, 3),
    "I(x; z)": Column(at("metrics", "test", "collapse", "mutual_information"), 2),
    "reliance on z": Column(at("metrics", "test", "collapse", "reliance"), 2),
    "decoder's scale": Column(at("metrics", "test", "decoder_scale"), 4),
}
QUANTITIES = {**COLUMNS, **FURTHER, **INSTRUMENTS}


def column_of(name: str) -> Column:
    """Returns the column of a quantity.

    Raises:
        ValueError: for an unknown quantity; the message lists all.
    """
    return lookup(QUANTITIES, name, "quantity")


def values_of(records: Sequence[Record], column: str) -> np.ndarray:
    """Returns a column's value in each record, NaN where not recorded.

    Args:
        records: records of the runs.
        column: name in `QUANTITIES`.
    """
    numbers = [column_of(column).read(record) for record in records]
    return np.array([math.nan if number is None else number for number in numbers], float)
