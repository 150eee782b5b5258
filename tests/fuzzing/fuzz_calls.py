"""Malformed arguments of public functions, methods and classes."""

import inspect

import keras
import numpy as np
import tensorflow as tf

import fuzz_values as odd
import public_calls
from fuzz import Case
from fuzz_data_calls import OF_DATA
from fuzz_model_calls import OF_MODELS
from public_calls import CODED, OBSERVED, X, model_of
from test_validation import NEEDED, TABLES, parameters_of

FUNCTIONS = {**OF_MODELS, **OF_DATA}
INSTANCES = {"Aggressive", "Boosted", "CyclicalAnnealing", "ELBO", "FreeBits", "Generation", "ImportanceWeighted"}
INSTANCES |= {"LinearAnnealing", "RecursiveMixture", "Renyi", "SigmoidAnnealing", "SubsetELBO"}  # of the tables
ELSEWHERE = {"CollapseReport": "a result", "__version__": "text", "experiments": "recipes and runs"}
ELSEWHERE |= {
    "ResumableCheckpoint": "checkpoints",
    "export_saved_model": "needs seconds",
    "nearest_neighbours": "a name",
}


def made(value):
    """Returns a valid argument, which functions without arguments make."""
    return value() if inspect.isfunction(value) and not inspect.signature(value).parameters else value


def without_nan(result) -> str | None:
    """Returns what is wrong with a result of valid observations: NaN among its numbers."""
    for leaf in keras.tree.flatten(result if not hasattr(result, "_asdict") else dict(result._asdict())):
        if isinstance(leaf, float | np.ndarray | np.floating) or (
            tf.is_tensor(leaf) and not isinstance(leaf, tf.RaggedTensor)
        ):
            values = np.asarray(leaf)
            if values.dtype.kind == "f" and np.isnan(values).any():
                return "NaN in the result"
    return None


CONVERTED = {"log_joint", "log_probs_at", "component_log_probs"}  # which give z as an array of theirs
MAY_BE_NAN = {
    "impute",
    "impute_mean",
    "hide",
    "pareto_k",
    "proposal_quality",
    "inference_gaps",
    "summarize",
    "encode_table",
}
MAY_BE_NAN |= {"sampled_modes", "posterior_shape", "find_modes", "annealed_importance", "bidirectional_bounds"}
MAY_BE_NAN |= {"split_rows", "split_by_column", "collapse_report", "CollapseMonitor", "lookup", "bits_per_dimension"}


def calls(rng, folder) -> Case:
    """A public function with one other argument."""
    name = odd.chosen(rng, sorted(FUNCTIONS))
    function, arguments = FUNCTIONS[name]
    argument, value = odd.chosen(rng, arguments), odd.any_value(rng)
    paths = ("path", "directory", "log_dir", "best", "data_dir")
    if argument in paths and isinstance(value, str) and value:
        value = str(folder / value.replace("\0", "x"))[:200]

    def call():
        values = {key: value if key == argument else made(valid) for key, valid in arguments.items()}
        return function(**values)

    check = (lambda result: None) if name in MAY_BE_NAN else without_nan
    return Case(f"{name}({argument}={odd.short(value)})", call, check)


def spoiled(rng):
    """Observations or codes with something wrong in them."""
    kind = rng.integers(6)
    x = X.copy()
    if kind == 0:
        x[tuple(rng.integers(0, n) for n in x.shape)] = odd.chosen(rng, (np.nan, np.inf, -np.inf, 0.5, -1, 255, 1e30))
    elif kind == 1:
        x = x.astype(
            odd.chosen(
                rng,
                (
                    "float16",
                    "float64",
                    "int8",
                    "uint8",
                    "int64",
                    "bool",
                    "complex64",
                    "str",
                    "object",
                    "S",
                    "longdouble",
                ),
            )
        )
    elif kind == 2:
        x = odd.chosen(rng, (x[:0], x[:, :0], x[0], x[:, :3], x[:, :, None], x[None], x[..., None, None], x.T, x[:1]))
    elif kind == 3:
        x = odd.chosen(rng, (x.tolist(), list(x), tuple(x), {"x": x}, [x, x], (x, x), (x,), [[]], x.tobytes(), iter(x)))
    elif kind == 4:
        x = odd.any_value(rng)
    else:
        x = odd.chosen(rng, list(public_calls.CONTAINERS.values())[:6])(x * odd.chosen(rng, (1, 2, np.nan)))
    return x


def data(rng, folder) -> Case:
    """A public call with other observations or codes."""
    table = odd.chosen(rng, (OBSERVED, OBSERVED, CODED))
    name = odd.chosen(rng, sorted(set(table) - (CONVERTED if table is CODED else set())))
    value = spoiled(rng)
    model = model_of()
    check = (lambda result: None) if name in MAY_BE_NAN | {"fit", "fit, validation_data"} else without_nan
    return Case(f"{name} of {odd.short(value)}", lambda: table[name](model, value), check)


def classes(rng, folder) -> Case:
    """A class or function of a table with one other argument, used if it is taken."""
    table = odd.chosen(rng, sorted(TABLES))
    entries, sizes = TABLES[table]
    entry = odd.chosen(
        rng, sorted(name for name, build in entries.items() if build is not None and parameters_of(build))
    )
    build = entries[entry]
    known = parameters_of(build)
    needed = {key: size for key, size in NEEDED.get(entry, {}).items() if key in known}
    name = odd.chosen(rng, sorted({*known, *sizes, *needed} - {"self", "kwargs"}))
    value = odd.any_value(rng)
    return Case(f"{entry}({name}={odd.short(value)})", lambda: build(**{**sizes, **needed, name: value}))
