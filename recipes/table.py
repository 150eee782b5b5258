"""Comparison table of methods on one data set, over seeds.

    python recipes/table.py --dataset mnist --methods vae,me,rme --components 2,3,4,5 --seeds 5 --reference rme5
    python recipes/table.py --dataset mnist --methods vae,rme --components 5 --sweep kl_bound=1,5,500

Missing runs are executed, interrupted runs resumed and finished runs not repeated. table.md, table.csv, table.tex and
figures are written to the folder of the runs, `--out`, and the records next to it: see docs/results/running.md.
Differences from the reference are bold if a paired test over the seeds is significant (5%, Holm's correction). With
--train-minutes 30 --epochs 1000, methods have equal time instead of equal epochs. Every field of a recipe is a flag.
The recorded tables are in docs/results.md.
"""

import dataclasses
from typing import Annotated, ClassVar

from rme_tf import experiments
from rme_tf.experiments.cli import Hidden, arg, refusals


@dataclasses.dataclass(frozen=True, kw_only=True)
class Table(experiments.ImageRecipe, experiments.StudyFields):
    """Methods and their seeds; other flags apply to all methods.

    Args:
        reference: method that the others are compared with; None is the first method.
        mixtures: numbers of components M for the methods that do not set it.
        latent_dims: latent dimensions D, with a table for each.
        budget_minutes: minutes after which the study stops, to be resumed later. The current epoch is finished first,
            and after the last epoch of a run its evaluation; None is no limit.
    """

    SEVERAL: ClassVar[bool] = True
    methods: tuple[str, ...] = ("vae", "me", "rme")
    reference: str | None = None
    components: Hidden[int] = 1  # each method's own
    mixtures: Annotated[tuple[int, ...], arg(name="components")] = (2, 3, 4, 5)
    latent_dims: tuple[int, ...] = (20,)
    seeds: int = 5
    budget_minutes: float | None = None
    out: str = "runs/table"


if __name__ == "__main__":
    table = experiments.parse(Table(), __doc__)
    deadline = experiments.deadline_in(table.budget_minutes)
    for size in table.latent_dims:
        base = dataclasses.replace(table, latent_dim=size)
        with refusals():
            recipes = experiments.method_recipes(
                table.methods, experiments.ImageRecipe, base, components=table.mixtures, sweep=table.sweep
            )
        folders = table.folders(experiments.setting_name(base), several=len(table.latent_dims) > 1)
        experiments.run_comparison(recipes, table.reference, seeds=table.seeds, deadline=deadline, **folders)
