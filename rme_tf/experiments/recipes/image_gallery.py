"""Figures of finished image runs, from models and data."""

import pathlib
import sys
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from rme_tf import plots
from rme_tf.evaluation.imputation import impute
from rme_tf.evaluation.likelihood_bounds import compiled_encode
from rme_tf.evaluation.modes.grid_densities import grid_densities
from rme_tf.experiments.recipes.code_figures import codes_by_label
from rme_tf.experiments.recipes.run import Run
from rme_tf.experiments.reports.run_names import plain_name

NUM_IMAGES = 10
NUM_PANELS = 4
NUM_IMPUTATIONS = 4  # of each image


def draw(runs: Mapping[str, Run], out, complete=None) -> list[pathlib.Path]:
    """Draws figures of runs on one data set; returns their paths.

    The figures are learning curves, originals with reconstructions, prior samples and component usage of each model,
    imputations of hidden pixels, and posterior means colored by label, if there are labels.
    With two latent dimensions, the true posterior is drawn with the components and the mixture, for the test images
    with the largest distance between the first model's posterior and the true one.

    Args:
        runs: finished runs by the name of the model.
        out: directory of the figures.
        complete: test images with hidden pixels; None if all pixels are seen. Shape [N, H, W, C].
    """
    out = pathlib.Path(out)
    x = next(iter(runs.values())).task.example
    options = {"verbose": sys.stderr.isatty()}  # a progress bar for images drawn pixel by pixel
    figures = {"learning_curves": plots.learning_curves({name: run.history for name, run in runs.items()})}
    originals = (x if complete is None else complete)[:NUM_IMAGES]
    redrawn = {name: run.model.reconstruct(x[:NUM_IMAGES], **options).numpy() for name, run in runs.items()}
    figures["reconstructions"] = plots.reconstructions(originals, redrawn)
    if complete is not None:
        draws = {name: impute(run.model, x[:NUM_IMAGES], NUM_IMPUTATIONS) for name, run in runs.items()}
        figures["imputations"] = plots.imputations(originals, ~np.isnan(x[:NUM_IMAGES]), draws)
    for name, run in runs.items():
        samples = run.model.sample(5 * NUM_IMAGES, **options).numpy()
        figures[f"samples_{plain_name(name)}"] = plots.image_grid(samples, NUM_IMAGES)
        if run.model.num_components > 1:
            weights = run.model.predict(x, verbose=0)["weights"]
            figures[f"component_usage_{plain_name(name)}"] = plots.component_usage(weights)
    figures.update(codes_by_label(runs))
    if all(run.model.latent_dim == 2 for run in runs.values()):
        figures["posteriors"] = plots.posterior_2d(posterior_panels(runs, x))
    paths = []
    for name, figure in figures.items():
        paths.append(out / f"{name}.png")
        plots.save(figure, paths[-1])
    return paths


def posterior_panels(runs: Mapping[str, Run], x) -> dict[str, list[plots.PosteriorPanel]]:
    """Returns the panels of `plots.posterior_2d`, by the name of the model.

    Among the first 100 images of x, the images with the largest KL(Q || p) under the first model are shown.

    Args:
        runs: finished runs by the name of the model.
        x: images. Shape [N, *event_shape].
    """
    first = next(iter(runs.values())).model
    gaps = [posterior_panel(first, image, num=60)[1] for image in x[:100]]
    chosen = np.argsort(gaps)[::-1][:NUM_PANELS]
    return {name: [posterior_panel(run.model, x[index])[0] for index in chosen] for name, run in runs.items()}


def posterior_panel(model, image, num=120) -> tuple[plots.PosteriorPanel, float]:
    """Returns the panel of one image, and KL(Q(z|x) || p(z|x)) in nats.

    The KL is computed by quadrature on the grid of the panel.

    Args:
        model: `VAE` with D = 2.
        image: image to infer. Shape [*event_shape].
        num: number of grid points on a side.
    """
    x = tf.constant(image[np.newaxis])
    encoding = compiled_encode(model)(x)
    inferred = {name: value.numpy()[0] for name, value in model.posterior_of(encoding).moments().items()}
    grid = grid_densities(model, x, encoding, *plots.grid_around(inferred["means"], inferred["scales"], num))
    shapes = {"log_mixture": grid.log_mixture, "log_components": grid.log_components}
    panel = plots.PosteriorPanel(
        image=image,
        grid_x=grid.grid_x,
        grid_y=grid.grid_y,
        log_joint=grid.log_joint,
        title=f"KL(Q||p) = {grid.kl:.2f} nats",
        **({} if model.posterior_family.diagonal_gaussian else shapes),
        **inferred,
    )
    return panel, grid.kl
