"""Damaged files of finished and interrupted runs."""

import functools
import pathlib
import shutil
import tempfile

import fuzz_values as odd
from fuzz import Case
from rme_tf import experiments
from rme_tf.experiments.commands import finished, inspection, products, training


@functools.cache
def _finished(kind: str) -> pathlib.Path:
    out = pathlib.Path(tempfile.mkdtemp(prefix="rme_fuzz_run_")) / "run"
    networks = {"encoder": experiments.Part("mlp", units=(4,)), "decoder": experiments.Part("mlp", units=(4,))}
    small = {"epochs": 1, "importance_samples": 4, "latent_dim": 2, "components": 2, "smoke": True, "out": str(out)}
    if kind == "image":
        recipe = experiments.ImageRecipe(dataset="digits", train_size=64, test_size=8, **networks, **small)
    else:
        recipe = experiments.TableRecipe(table="wine", **networks, **small)
    experiments.run(recipe, page=False)
    return out


def runs(rng, folder) -> Case:
    """A run with a damaged file, read again."""
    kind = odd.chosen(rng, ("image", "table"))
    out = folder / "run"
    shutil.copytree(_finished(kind), out)
    files = sorted(path for path in out.rglob("*") if path.is_file() and "checkpoints" not in path.parts)
    target = odd.chosen(rng, files)
    what, content = odd.damaged(rng, target.read_bytes())
    if rng.random() < 0.1:
        what = "missing"
        target.unlink()
    else:
        target.write_bytes(content)
    actions = {
        "resume": lambda: training.resume(str(out)),
        "evaluate": lambda: inspection.evaluate(str(out)),
        "sample": lambda: products.sample(str(out), count=2, out=str(folder / "samples")),
        "model": lambda: finished.load_model(out),
        "records": lambda: experiments.load_records(out),
    }
    action = odd.chosen(rng, sorted(actions))
    outputs = (folder / "samples",) if action == "sample" else ()
    return Case(f"{action} of {kind} with {target.relative_to(out)}: {what}", actions[action], outputs=outputs)
