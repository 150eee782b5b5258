"""Comparison of estimators of log p(x) on a trained model."""

import dataclasses
import pathlib
from typing import Any

import numpy as np
from tabulate import tabulate

from rme_tf.core.files import check_writable, write_json
from rme_tf.core.validation import check_counts
from rme_tf.evaluation import annealed_importance, bidirectional_bounds, bounds
from rme_tf.evaluation.likelihood_bounds import estimate
from rme_tf.experiments.recipes.base import EVALUATION_SEED
from rme_tf.experiments.recipes.run import Run

OF_RECORD = ("config", "commit", "hardware", "data")  # of the run, in the record of the table
OF_BOTH = ("estimator", "log p(x)", "less importance weighting", "largest difference")
COLUMNS = (*OF_BOTH, "chains", "BDMC's gap")


@dataclasses.dataclass(frozen=True, kw_only=True)
class EstimatorFields:
    """Fields of a comparison of estimators of log p(x).

    Args:
        estimated: number of test images, the first ones, and of images from the model.
        samples: number of samples of importance weighting for each image.
        temperatures: number of temperatures of AIS from the prior.
        posterior_temperatures: number of temperatures of AIS from the posterior.
        chains: number of chains of AIS for each image.
        leapfrog_steps: number of leapfrog steps of a transition.
        record: JSON file of the table; None for no record.
    """

    estimated: int = 100
    samples: int = 50_000
    temperatures: int = 300
    posterior_temperatures: int = 50
    chains: int = 16
    leapfrog_steps: int = 5
    record: str | None = None

    @property
    def starts(self) -> dict[str, int]:
        """Numbers of temperatures by the start of the chains."""
        return {"prior": self.temperatures, "posterior": self.posterior_temperatures}


def compare_estimators(finished: Run) -> list[dict[str, str]]:
    """Prints and returns a table of estimators of log p(x), in nats.

    Differences from importance weighting are paired, image by image. Images from the model have bounds from both sides,
    by bidirectional Monte Carlo (BDMC). Finished batches are kept in the run's directory, so that the same call
    resumes.

    Args:
        finished: finished run of a recipe of images with `EstimatorFields`.

    Raises:
        ValueError: if a number is less than 1, or the record cannot be written.
    """
    fields: Any = finished.recipe
    names = {field.name for field in dataclasses.fields(EstimatorFields)} - {"record"}
    check_counts(**{name: getattr(fields, name) for name in sorted(names)})
    if fields.record is not None:
        check_writable(pathlib.Path(fields.record).parent, "folder of record")
    test = _Rows(finished, finished.task.example[: fields.estimated])
    rows = [test.row("ELBO", test.weighted.elbo), test.row(test.name, test.weighted.log_likelihood)]
    for start, count in fields.starts.items():
        options = _annealing(fields, start, count)
        annealed = annealed_importance(finished.model, test.x, path=test.path("ais", start), **options)
        chains = f"{_accepted(annealed)}, {annealed.effective_sample_size.mean():.1f} of {fields.chains} effective"
        rows.append(test.row(f"AIS from the {start}, {count:,} temperatures", annealed.log_likelihood, chains=chains))
    for start, count in fields.starts.items():
        options = _annealing(fields, start, count)
        sandwich = bidirectional_bounds(finished.model, fields.estimated, path=test.path("bdmc", start), **options)
        drawn = _Rows(finished, sandwich.x)
        more = {"chains": _accepted(sandwich), "BDMC's gap": str(estimate(sandwich.gap))}
        rows.append(drawn.row(f"BDMC from the {start}, {count:,} temperatures", sandwich.lower, **more))
    print(f"\n{tabulate(rows, headers='keys', tablefmt='github')}")
    if fields.record is not None:
        write_json(fields.record, {**{name: finished.record[name] for name in OF_RECORD}, "table": rows})
    return rows


def _annealing(fields: EstimatorFields, start: str, count: int) -> dict:
    """Returns arguments of AIS and BDMC."""
    sizes = {"num_temperatures": count, "num_chains": fields.chains, "num_leapfrog_steps": fields.leapfrog_steps}
    return {**sizes, "start": start, "seed": EVALUATION_SEED}


def _accepted(annealed) -> str:
    """Returns the share of accepted transitions in words."""
    return f"{100.0 * annealed.acceptance.mean():.0f}% accepted"


class _Rows:
    """Rows of a table for some images, with differences from importance weighting."""

    def __init__(self, finished: Run, x):
        fields: Any = finished.recipe
        self.x, self.name = x, f"importance weighting, {fields.samples:,} samples"
        self.out = pathlib.Path(finished.recipe.out)
        self.weighted = bounds(finished.model, x, num_samples=fields.samples, seed=EVALUATION_SEED)

    def path(self, method: str, start: str) -> pathlib.Path:
        """Returns the file of finished batches."""
        return self.out / f"{method}_{start}.npz"

    def row(self, estimator: str, values, **more: str) -> dict[str, str]:
        """Returns the row of an estimator with values [N]."""
        difference = values - self.weighted.log_likelihood
        largest = f"{np.abs(difference).max():.2f} nats"
        shown = (estimator, str(estimate(values)), str(estimate(difference)), largest)
        return {**dict.fromkeys(COLUMNS, ""), **dict(zip(OF_BOTH, shown, strict=True)), **more}
