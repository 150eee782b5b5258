"""Instruments of a trained model: means over observations, and standard errors.

Letters: N observations, M components.
"""

import pathlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from rme_tf.evaluation import (
    DecoderReport,
    PosteriorShape,
    ProposalQuality,
    component_distances,
    decoder_report,
    inference_gaps,
    posterior_shape,
    proposal_quality,
)
from rme_tf.evaluation.decoders import weight_norms
from rme_tf.evaluation.finished_batches import FinishedBatches, digest_of_weights
from rme_tf.evaluation.gaps.summary import MEANS
from rme_tf.evaluation.likelihood_bounds import estimate
from rme_tf.evaluation.modes.posterior_modes import missed_mass
from rme_tf.experiments.recipes.base import EVALUATION_SEED
from rme_tf.experiments.recipes.run import Run
from rme_tf.experiments.studies.measurement import COMPONENTS, DECODER, GAPS, MODES, PROPOSAL, Measurement
from rme_tf.models.vae import VAE

FOLDER = "instruments"  # in the directory of a run
Values = dict[str, float]


class Observed(NamedTuple):
    """A trained model, observations, and the file of their values."""

    model: VAE
    x: np.ndarray  # [N, *event_shape]
    measurement: Measurement
    folder: pathlib.Path
    split: str  # "test" or "train"

    def path(self, instrument: str) -> pathlib.Path:
        """Returns the file of the values of each observation."""
        return self.folder / f"{instrument}_{self.split}.npz"

    def values(self, instrument: str, compute: Callable[[], Mapping]) -> dict[str, np.ndarray]:
        """Returns the values of each observation, kept or computed. Shape [N, ...].

        Args:
            instrument: name of the instrument.
            compute: function of no arguments that returns them.
        """
        settings = {"kind": instrument, **self.measurement.settings(instrument)}
        done = FinishedBatches(self.path(instrument), {**settings, "weights": digest_of_weights(self.model)})
        if len(done):
            done.check(0, self.x)
        else:
            done.add(self.x, **compute())
        return done.results()


def measure(finished: Run, measurement: Measurement, names: Iterable[str] | None = None) -> dict[str, dict[str, Any]]:
    """Returns means of instruments of a finished run.

    They are by instrument and split. A mean over observations has its standard error next to it. The values of each
    observation are kept in `instruments/` in the run's directory, from which the same call resumes. One component has
    no distances.

    Args:
        finished: finished run of a recipe of images.
        measurement: instruments and sizes.
        names: names of the instruments to return; None for all of the measurement.
    """
    folder, model = pathlib.Path(finished.recipe.out) / FOLDER, finished.model
    folder.mkdir(exist_ok=True)
    splits = {"test": finished.task.example, "train": first_rows(finished.task.evaluations["train"], measurement)}
    means: dict[str, dict[str, Any]] = {}
    for instrument in measurement.instruments if names is None else names:
        if instrument == COMPONENTS and model.num_components == 1:
            continue
        means[instrument] = {"settings": measurement.settings(instrument)}
        for split, x in splits.items():
            observed = Observed(model, x[: measurement.observations], measurement, folder, split)
            means[instrument][split] = INSTRUMENTS[instrument](observed)
    return means


def first_rows(x, measurement: Measurement) -> np.ndarray:
    """Returns the first observations of a data set.

    Args:
        x: array [N, *event_shape], or a finite `tf.data.Dataset` of batches.
        measurement: measurement with the number of observations.
    """
    if isinstance(x, np.ndarray):
        return x[: measurement.observations]
    return np.stack(list(x.unbatch().take(measurement.observations).as_numpy_iterator()))


def with_errors(**values) -> Values:
    """Returns the means and the standard errors of arrays [N], by name."""
    means: Values = {}
    for name, numbers in values.items():
        means[name], means[f"{name}_standard_error"] = estimate(numbers)
    return means


def of_gaps(observed: Observed) -> Values:
    """Returns the means of `inference_gaps`, and the share of converged searches."""
    gaps = inference_gaps(
        observed.model,
        observed.x,
        log_likelihood=shape_of(observed).log_evidence if MODES in observed.measurement.instruments else None,
        num_samples=observed.measurement.num_samples,
        search=observed.measurement.search,
        seed=EVALUATION_SEED,
        path=observed.path(GAPS),
    )
    return {**with_errors(**{name: getattr(gaps, name) for name in MEANS}), "converged": float(gaps.converged.mean())}


def of_decoder(observed: Observed) -> Values:
    """Returns means of `decoder_report`, scales, and the norm of all weights."""

    def compute():
        """Returns the arrays of the report; other likelihoods than Gaussian ones lack two."""
        report = decoder_report(observed.model, observed.x, seed=EVALUATION_SEED)
        names = [name for name in report._fields[:-1] if getattr(report, name) is not None]
        return {name: getattr(report, name) for name in names}

    arrays, norms = observed.values(DECODER, compute), weight_norms(observed.model.decoder)
    fields: dict[str, Any] = {**dict.fromkeys(DecoderReport._fields), **arrays, "weight_norms": norms}
    report = DecoderReport(**fields)
    means = with_errors(frobenius_norm=report.frobenius_norm, spectral_norm=report.spectral_norm)
    if report.variance is not None:
        means |= {"optimal_scale": report.optimal_scale, "trained_scale": report.trained_scale}
    return {**means, "weight_norm": float(np.linalg.norm(list(norms.values())))}


def of_components(observed: Observed) -> Values:
    """Returns the mean and the smallest KL between components, in nats.

    KL(q_m || q_j) with m != j, averaged over observations.
    """

    def compute():
        """Returns the KL of all pairs. Shape [N, M, M]."""
        options = {"num_samples": observed.measurement.num_samples, "seed": EVALUATION_SEED}
        return {"kl": component_distances(observed.model, observed.x, **options)}

    kl = observed.values(COMPONENTS, compute)["kl"]
    pairs = kl[:, ~np.eye(kl.shape[-1], dtype=bool)]  # [N, M (M - 1)]
    return with_errors(mean_kl=pairs.mean(axis=-1), smallest_kl=pairs.min(axis=-1))


def of_proposal(observed: Observed) -> Values:
    """Returns the means of `proposal_quality`, and the share of unreliable estimates."""
    num_samples = observed.measurement.num_samples

    def compute():
        """Returns the statistics of each observation."""
        quality = proposal_quality(observed.model, observed.x, num_samples=num_samples, seed=EVALUATION_SEED)
        return {name: getattr(quality, name) for name in ("effective_sample_size", "pareto_k")}

    quality = ProposalQuality(**observed.values(PROPOSAL, compute), num_samples=num_samples)
    means = with_errors(effective_sample_size=quality.effective_sample_size)
    median = float(np.median(quality.pareto_k))  # single ones may be infinite
    return {**means, "median_pareto_k": median, "share_unreliable": quality.share_unreliable}


def shape_of(observed: Observed) -> PosteriorShape:
    """Returns the `PosteriorShape` of each observation."""
    arrays = observed.values(MODES, lambda: posterior_shape(observed.model, observed.x)._asdict())
    return PosteriorShape(**arrays)


def of_modes(observed: Observed) -> Values:
    """Returns means of `posterior_shape`: modes, and the mass that Q misses."""
    shape = shape_of(observed)
    return with_errors(
        num_modes=shape.num_modes,
        several=shape.num_modes > 1,
        missed_mass=missed_mass(shape),
        log_evidence=shape.log_evidence,
    )


INSTRUMENTS: dict[str, Callable[[Observed], Values]] = {
    GAPS: of_gaps,
    DECODER: of_decoder,
    COMPONENTS: of_components,
    PROPOSAL: of_proposal,
    MODES: of_modes,
}
