"""Modes that components cover as they join, and after ascent.

Letters: N observations, K components, X, Y points of a grid.
"""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import stats

from rme_tf.core.types import Encoding
from rme_tf.evaluation.modes.grid_densities import GridDensities
from rme_tf.evaluation.modes.posterior_modes import grid_around_mass
from rme_tf.experiments.studies.fields import InferenceFields
from rme_tf.experiments.studies.frozen_decoders import Decoder
from rme_tf.experiments.studies.inference_runs import InferenceRuns
from rme_tf.experiments.studies.inferences import Inference
from rme_tf.experiments.studies.measurements import best_of, mode_metrics, rounded, shape_of
from rme_tf.experiments.studies.results import StudyFolder
from rme_tf.models.vae import VAE
from rme_tf.plots import PosteriorPanel, posterior_2d, save

PATH = "path"  # record of objectives on the line between two modes
POSITIONS = 41
BARRIERS = (2.0, 5.0, 20.0, np.inf)  # above log 2, for two components
SHOWN = 4  # observations in the figure


def run_growth(
    fields: InferenceFields,
    decoders: Mapping[str, Decoder],
    inferences: Mapping[str, Inference],
    plan: Mapping[str, Sequence[str]],
    shown: Mapping[str, str],
) -> list[dict[str, Any]]:
    """Returns the records of modes that the first K components cover.

    Of the test observations with several modes, each record has the modes that Q_0 ... Q_{M-1} cover, and the ones that
    the mixture covers after ascent of each observation's ELBO, from the encoders' output alone and from four starts. A
    record of the first decoder has the objectives of a second component on the line between two modes. Figures of the
    first seed are written to `out`, one for each decoder. Finished models and records are kept there.

    Args:
        fields: data, training and evaluation.
        decoders: decoders of two latent dimensions by name.
        inferences: methods by name, mixtures.
        plan: names of the measured methods by the name of the decoder.
        shown: rows of the figure: method by the name of the row. The first method also has a row for each K.
    """
    fields = fields.resolved()
    if fields.smoke:
        decoders = dict([*decoders.items()][:1])
        plan = {name: methods[:1] for name, methods in plan.items()}
        shown = dict.fromkeys(shown, next(iter(inferences)))
    folder = StudyFolder(fields.out, fields.settings, "growth")
    for index, (name, choices) in enumerate(decoders.items()):
        runs = InferenceRuns(name, choices, fields, folder)
        runs.know_log_likelihood()
        if index == 0:
            model = runs.untrained(1)
            runs.record(PATH, 0, functools.partial(path_between_modes, model, runs.frozen.observed, fields))
        for seed in range(fields.seeds):
            for method in plan.get(name, ()):
                measure = functools.partial(growth_metrics, runs, inferences[method], seed)
                runs.record(method, seed, measure, inferences[method])
        models = {row: runs.model(inferences[method], 0) for row, method in shown.items()}
        draw_growth(models, runs.frozen.observed["test"], fields, folder.out / f"posteriors_{name}.png")
    folder.write(fields.record)
    return folder.records


def growth_metrics(runs: InferenceRuns, inference: Inference, seed: int) -> dict[str, Any]:
    """Returns modes that K components cover, and after two searches.

    Args:
        runs: runs on the decoder.
        inference: choices of the method.
        seed: seed of the training.
    """
    model, fields, x = runs.model(inference, seed), runs.fields, runs.frozen.observed["test"]
    several = shape_of(model, x, fields).num_modes > 1
    x, log_likelihood = x[several], runs.log_likelihood["test"][several]
    if not several.any():
        return {"with_several_modes": 0}
    joined = [
        mode_metrics(shape_of(model, x, fields, model.amortized(x, num_components=count)))
        for count in range(1, model.num_components + 1)
    ]
    metrics: dict[str, Any] = {"with_several_modes": int(several.sum()), "joined": joined}
    for name, starts, rounds in (("own_ascent", 1, 2), ("search", 4, 3)):
        best = best_of(model, x, log_likelihood, fields, starts=starts, rounds=rounds)
        shape = shape_of(model, x, fields, Encoding(best.params, best.log_alpha))
        metrics[name] = {"gap": rounded(best.approximation_gap.mean()), **mode_metrics(shape)}
        metrics["gap"] = rounded(best.inference_gap.mean())
    return metrics


def path_between_modes(model: VAE, observed: Mapping[str, np.ndarray], fields: InferenceFields) -> dict[str, Any]:
    """Returns objectives of a second component between two modes.

    The first component is at the heaviest mode, with the scales of the best Gaussian; the second one has these scales,
    and moves from there to the second mode. For a mixture encoder the objective is the ELBO of both with equal weights,
    for RME the second component's ELBO and reward. Expectations are sums over a grid.

    Args:
        model: model with the decoder.
        observed: observations of each split; the first one of the test split with several modes is taken.
        fields: sizes of grid and search.
    """
    shape = shape_of(model, observed["test"], fields)
    index = int(np.argmax(shape.num_modes > 1))
    x = observed["test"][index : index + 1]
    grid = grid_around_mass(model, x, 2 * fields.grid)
    first, last = shape.modes[index][[0, min(1, len(shape.modes[index]) - 1)]]
    best = best_of(model, x, np.zeros(1), fields)  # its means may be at another mode
    scales = model.posterior_family.moments(best.params.astype(np.float32))[1].numpy()[0, 0]
    start = stats.multivariate_normal(first, np.diag(scales**2)).logpdf(_codes(grid))
    positions = np.linspace(0.0, 1.0, POSITIONS)
    moved = [stats.multivariate_normal(first + t * (last - first), np.diag(scales**2)) for t in positions]
    densities = [at.logpdf(_codes(grid)) for at in moved]
    values = {"ELBO(Q)": [_mixture_elbo(grid, start, log_q) for log_q in densities]}
    for barrier in BARRIERS:
        bound = np.log(2.0) + barrier
        name = "no barrier" if np.isinf(barrier) else f"C = log 2 + {barrier:g}"
        values[f"RME, {name}"] = [_recursive_objective(grid, start, log_q, bound) for log_q in densities]
    return {"position": rounded(positions), **{name: rounded(value) for name, value in values.items()}}


def draw_growth(models: Mapping[str, VAE], x, fields: InferenceFields, path) -> None:
    """Draws true posteriors with the components, row by row.

    Args:
        models: models by the name of their row, the first one with a row for each K too.
        x: observations, of which the ones with several modes are shown. Shape [N, *event_shape].
        fields: size of the grids.
        path: path of the figure.
    """
    first = next(iter(models.values()))
    shape = shape_of(first, x, fields)
    second = np.where(shape.num_modes > 1, shape.mass[:, min(1, shape.mass.shape[1] - 1)], 0.0)
    chosen = x[np.sort(np.argsort(-second, kind="stable")[:SHOWN])]
    rows: dict[str, list[PosteriorPanel]] = {}
    for name, model in models.items():
        counts = range(1, model.num_components + 1) if model is first else [model.num_components]
        for count in counts:
            encoding = model.amortized(chosen, num_components=count)
            rows[f"{name}, {count}"] = [
                _panel(model, chosen[n : n + 1], encoding, n, fields) for n in range(len(chosen))
            ]
    save(posterior_2d(rows, axis_labels=("$z_1$", "")), path)  # the names of the rows stand at the vertical axes


def _panel(model: VAE, x, encoding: Encoding, index: int, fields: InferenceFields) -> PosteriorPanel:
    """Returns the panel of one observation."""
    of_one = Encoding(*(part[index : index + 1] for part in encoding))
    grid = grid_around_mass(model, x, fields.grid, of_one)
    means, scales = (part.numpy()[0] for part in model.posterior_family.moments(of_one.params))
    weights = np.exp(np.asarray(of_one.log_alpha)[0])
    title = f"KL(Q||p) = {grid.kl:.2f} nats"
    return PosteriorPanel(_image(x[0]), grid.grid_x, grid.grid_y, grid.log_joint, weights, means, scales, title)


def _image(x) -> np.ndarray:
    """Returns an observation as an image [H, W, 1]; missing pixels are gray."""
    image = np.nan_to_num(np.asarray(x, np.float32), nan=0.5)
    if image.ndim == 1:
        image = image[np.newaxis, :, np.newaxis] / 3.0
    return np.clip(image, 0.0, 1.0)


def _codes(grid: GridDensities) -> np.ndarray:
    """Returns the codes of a grid. Shape [Y, X, 2]."""
    return np.stack(np.meshgrid(grid.grid_x, grid.grid_y), axis=-1)


def _expectation(log_q, values) -> float:
    """Returns E_q[values] by a sum over the grid, weights normalized."""
    weights = np.exp(log_q - log_q.max())
    return float((weights * values).sum() / weights.sum())


def _mixture_elbo(grid: GridDensities, first, second) -> float:
    """Returns the ELBO of two components with equal weights, in nats."""
    log_mixture = np.logaddexp(first, second) - np.log(2.0)
    return float(np.mean([_expectation(log_q, grid.log_joint - log_mixture) for log_q in (first, second)]))


def _recursive_objective(grid: GridDensities, before, log_q, bound: float) -> float:
    """Returns ELBO(q) + BKL(q || Q) with the skew bound, in nats."""
    share = np.exp(-bound)
    log_skewed = np.logaddexp(before + np.log1p(-share), log_q + np.log(share)) if share > 0.0 else before
    return _expectation(log_q, grid.log_joint - log_skewed)
