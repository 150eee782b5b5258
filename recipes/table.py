"""The table that decides: every method in the same frame, on one data set, over seeds.

    python recipes/table.py --dataset mnist --methods vae,me,rme --components 2,3,4,5 --seeds 5 --data-dir data

Runs what is missing, goes on after a kill, never repeats a finished run, and writes table.md, table.csv, table.tex
and figures beside the runs: test and train log-likelihood, ELBO, KL, component usage, sizes, times and memory, means
and standard errors over seeds. Bold are the differences from the first method that a paired test over the seeds
says are real (5 %, Holm's correction). Every field of a recipe is a flag. Not yet run here at a size that decides.
"""

import dataclasses
import pathlib
from typing import Annotated

import rme_tf
from rme_tf.experiments.options import Hidden, arg


@dataclasses.dataclass(frozen=True, kw_only=True)
class Table(rme_tf.ImageRecipe):
    """Methods and their seeds; what a method does not set itself is as in the other flags.

    Args:
        methods: names of the methods to run, the reference first.
        mixtures: every M of the methods that do not set it.
        latent_dims: one table for each D.
        seeds: runs of each method.
        budget_minutes: begin no run after so many; no limit unless given.
        results: directory of the records.
    """

    methods: tuple[str, ...] = ("vae", "me", "rme")
    components: Hidden[int] = 1  # each method's own
    mixtures: Annotated[tuple[int, ...], arg(name="components")] = (2, 3, 4, 5)
    latent_dims: tuple[int, ...] = (20,)
    seeds: int = 5
    budget_minutes: float | None = None
    results: str = "recipes/results/table"
    out: str = "runs/table"


if __name__ == "__main__":
    table = rme_tf.parse(Table(), __doc__)
    for size in table.latent_dims:
        base = dataclasses.replace(table, latent_dim=size)
        recipes = rme_tf.method_recipes(table.methods, rme_tf.ImageRecipe, base, components=table.mixtures)
        out, results = (pathlib.Path(f"{folder}_{base.dataset}_d{size}") for folder in (table.out, table.results))
        limits = {"seeds": table.seeds, "budget_minutes": table.budget_minutes}
        paths = rme_tf.run_study(recipes, out=str(out), results=str(results), **limits)
        if paths:
            print(rme_tf.write_comparison(rme_tf.load_records(paths), next(iter(recipes)), out))
