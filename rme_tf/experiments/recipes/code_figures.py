"""Figures of the posterior means of finished runs, colored by label."""

from collections.abc import Mapping

from matplotlib.figure import Figure

from rme_tf import plots
from rme_tf.experiments.recipes.run import Run
from rme_tf.experiments.reports.run_names import plain_name
from rme_tf.generation.codes import mixture_means

NUM_CODES = 2000  # points in a figure


def codes_by_label(runs: Mapping[str, Run]) -> dict[str, Figure]:
    """Returns figures of posterior means, colored by label, by their name.

    Runs on data without labels, and language models, have none.

    Args:
        runs: finished runs by the name of the model.
    """
    figures = {}
    for name, run in runs.items():
        if run.task.labels is None or getattr(run.recipe, "language_model", False):
            continue
        values, names = run.task.labels
        inferred = run.model.predict(run.task.example[:NUM_CODES], verbose=0)
        codes = mixture_means(inferred["weights"], inferred["means"])
        figures[f"codes_{plain_name(name)}"] = plots.latent_codes(codes, values[:NUM_CODES], names, title=name)
    return figures
