"""Sentences and diagnostics of finished runs on text."""

import pathlib
from collections.abc import Mapping

import numpy as np

from rme_tf import plots
from rme_tf.experiments.recipes.code_figures import codes_by_label
from rme_tf.experiments.recipes.run import Run
from rme_tf.experiments.reports.diagnostic_figures import draw_diagnostics
from rme_tf.generation.codes import mixture_means
from rme_tf.generation.interpolation import interpolate, nearest_neighbors
from rme_tf.generation.sequences import generate

NUM_SENTENCES = 8
NUM_STEPS = 6


def show(runs: Mapping[str, Run], out: pathlib.Path) -> None:
    """Writes sentences.txt, and draws learning curves and diagnostics.

    With labels, the codes are drawn, too.

    Args:
        runs: finished runs on one corpus, by the name of the model.
        out: directory of the files.
    """
    out.mkdir(parents=True, exist_ok=True)
    texts = [f"# {name}\n\n{examples(run)}" for name, run in runs.items()]
    (out / "sentences.txt").write_text("\n".join(texts), encoding="utf-8")
    plots.save(plots.learning_curves({name: run.history for name, run in runs.items()}), out / "learning_curves.png")
    records = [{"method": name, "history": run.history} for name, run in runs.items()]
    if any("mi" in run.history for run in runs.values()):
        draw_diagnostics(records, out / "diagnostics.png")
    for name, figure in codes_by_label(runs).items():
        plots.save(figure, out / f"{name}.png")


def examples(run: Run) -> str:
    """Returns samples, reconstructions, an interpolation and nearest neighbors, as text."""
    model, x = run.model, run.task.example
    options = run.task.export_options
    tokenizer, choices = options["tokenizer"], {"max_length": options["max_length"], "unknown": False}
    sampled = model.sample(NUM_SENTENCES, strategy="sample", temperature=0.8, **choices)
    parts = ["From the prior, at temperature 0.8:\n", *tokenizer.decode(np.asarray(sampled)), ""]
    if getattr(run.recipe, "language_model", False):
        return "\n".join(parts)
    shown = x[:NUM_SENTENCES]
    inferred = model.predict(x, verbose=0)
    codes = mixture_means(inferred["weights"], inferred["means"])  # equal to `VAE.codes`
    searched = generate(model, codes[:NUM_SENTENCES], strategy="beam", **choices)
    nearest = nearest_neighbors(codes, codes[:NUM_SENTENCES], k=2).numpy()[:, 1]  # the first one is the sentence itself
    pairs = {"reconstructed": model.reconstruct(shown, **choices), "by beam search": searched, "nearest": x[nearest]}
    columns = {name: tokenizer.decode(np.asarray(rows)) for name, rows in pairs.items()}
    for index, original in enumerate(tokenizer.decode(shown)):
        parts += [original, *(f"    {name}: {lines[index]}" for name, lines in columns.items())]
    path = interpolate(model, codes[0], codes[1], steps=NUM_STEPS, **choices)
    parts += ["", "From the first to the second:\n", *tokenizer.decode(np.asarray(path)), ""]
    return "\n".join(parts)
