"""Files of finished runs on tables: samples and imputations as CSV."""

import collections
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from rme_tf import plots
from rme_tf.data.tables import TableData, TableEncoding
from rme_tf.data.tables.cells import plain
from rme_tf.data.tables.frames import import_pandas
from rme_tf.evaluation.imputation import impute, impute_mean
from rme_tf.experiments.parts.part import Part
from rme_tf.experiments.recipes.code_figures import codes_by_label
from rme_tf.experiments.recipes.run import Run
from rme_tf.experiments.reports.diagnostic_figures import draw_diagnostics
from rme_tf.experiments.reports.run_names import plain_name

ENCODING = "encoding.json"  # in the directory of a run
NUM_SAMPLES = 1000
SEED = 2020
SHOWN = 8  # signals in a figure
LISTED = 8  # columns in a line


def description(data: TableData) -> str:
    """Returns lines on rows, kinds of columns and missing cells."""
    names = collections.defaultdict(list)
    for column in data.encoding.columns:
        names[column.kind].append(column.name)
    if data.encoding.ignored:
        names["ignored"] = list(data.encoding.ignored)
    if data.encoding.label is not None:
        names["label"] = [data.encoding.label]
    rows = ", ".join(f"{len(x):,} for {split}" for split, x in data.arrays._asdict().items())
    lines = [f"Rows: {rows}.", *(f"{kind}: {_listed(columns)}" for kind, columns in names.items())]
    if data.has_missing:
        lines.append(f"Missing cells: {holes(data)}.")
    if data.unknown_levels:
        counts = ", ".join(f"{name} ({count:,})" for name, count in data.unknown_levels.items())
        lines.append(f"Cells with a level that no training row has, which count as missing: {counts}.")
    return "\n".join(lines)


def holes(data: TableData) -> str:
    """Returns the columns with missing cells, and their shares."""
    shares = {name: absent.mean() for name, absent in data.missing_shares().items() if absent.any()}
    return _listed([f"{name} ({share:.1%})" for name, share in shares.items()])


def show(runs: Mapping[str, Run], out: pathlib.Path, *, data: TableData) -> None:
    """Writes samples and imputations, and draws learning curves and diagnostics.

    `samples.csv` has draws from p(x), `imputed.csv` a line for each missing cell, and `completed.csv` the table with
    the means, or the most probable levels, of the missing cells. With several runs, the names of the files have the
    names of the models.

    Args:
        runs: finished runs on one table, by the name of the model.
        out: directory of the files.
        data: table of the runs.
    """
    out.mkdir(parents=True, exist_ok=True)
    for name, run in runs.items():
        end = f"_{plain_name(name)}.csv" if len(runs) > 1 else ".csv"
        samples(run.model, data.encoding, 10 if run.recipe.smoke else NUM_SAMPLES).to_csv(
            out / f"samples{end}", index=False
        )
        if data.has_missing:
            numbers = {
                "num_draws": getattr(run.recipe, "draws", 1),
                "importance_samples": run.recipe.importance_samples,
            }
            cells, table = imputations(run.model, data, **numbers)
            cells.to_csv(out / f"imputed{end}", index=False)
            table.to_csv(out / f"completed{end}", index=False)
    last = list(runs.values())[-1]
    if getattr(last.recipe, "encoder", Part(None)).name == "conv1d":
        plots.save(_drawn_signals(last, data.encoding), out / "reconstructions.png")
    plots.save(plots.learning_curves({name: run.history for name, run in runs.items()}), out / "learning_curves.png")
    if any("mi" in run.history for run in runs.values()):
        records = [{"method": name, "history": run.history} for name, run in runs.items()]
        draw_diagnostics(records, out / "diagnostics.png")
    for name, figure in codes_by_label(runs).items():
        plots.save(figure, out / f"{name}.png")


def _drawn_signals(run: Run, encoding: TableEncoding):
    """Returns a figure of test signals and their reconstructions, in the original units."""
    x = np.asarray(run.task.example)[:SHOWN]
    parts = [encoding.decode(values).to_numpy(float) for values in (x, run.model.reconstruct(x, seed=SEED))]
    return plots.signals(*parts)


def samples(model, encoding: TableEncoding, num_samples: int, seed: int = SEED):
    """Returns draws from p(x) as a data frame, in the original units.

    Args:
        model: trained `VAE`.
        encoding: encoding of the model's table.
        num_samples: number of draws.
        seed: seed of the draws.
    """
    of_z, of_x = tf.unstack(tf.random.split([seed, 0], 2))
    z = model.prior.distribution().sample(num_samples, seed=of_z)
    return encoding.decode(model.decode(z).sample(seed=of_x).numpy())


def imputations(model, data: TableData, *, num_draws: int, importance_samples: int, seed: int = SEED):
    """Returns the imputations of missing cells, and the completed table.

    Args:
        model: trained `VAE` of data with missing entries.
        data: table of the model.
        num_draws: number of imputations of each missing cell.
        importance_samples: number of draws from the posterior that an imputation weighs.
        seed: seed of the draws.

    Returns:
        cells: data frame with a line for each missing cell: number of the row, counted from 1, its id if there is one,
            column, estimate, and draws. An estimate is a mean, a rounded mean of counts, or the most probable level,
            with the decimals of the column.
        table: data frame of all rows in the order of the file, without missing cells in encoded columns.
    """
    pandas = import_pandas()
    table = pandas.concat(data.frames).sort_index()
    x = np.concatenate(data.arrays)[np.argsort(np.concatenate([frame.index for frame in data.frames]), kind="stable")]
    absent = np.isnan(x).any(axis=-1)
    incomplete, rows = x[absent], table.index[absent]
    options = {"importance_samples": importance_samples, "seed": seed}
    arrays = [impute_mean(model, incomplete, **options), *impute(model, incomplete, num_draws, **options)]
    means, *draws = (data.encoding.decode(array, index=rows) for array in arrays)
    ids = _ids(table, data.encoding)
    cells = []
    for name, part in data.encoding.slices().items():
        missing = np.isnan(incomplete[:, part]).any(axis=-1)
        if missing.any():
            written = _writer(data.encoding, name, table[name])
            values = {"estimate": means[name]}
            values |= {f"draw_{number}": draw[name] for number, draw in enumerate(draws, 1)}
            columns = {title: value[missing].astype(object).map(written) for title, value in values.items()}
            at = {title: table.loc[rows[missing], title] for title in ids}
            cells.append(pandas.DataFrame({"row": rows[missing] + 1, **at, "column": name, **columns}))
            table[name] = table[name].astype(object)
            table.loc[rows[missing], name] = columns["estimate"]
            table[name] = table[name].map(written)
    return pandas.concat(cells).sort_values("row", kind="stable"), table


def _ids(table, encoding: TableEncoding) -> list[str]:
    """Returns the name of the first ignored column of unique cells, if any."""
    taken = {"row", "column", "estimate"}
    names = [name for name in encoding.ignored if name not in taken and table[name].notna().all()]
    return [name for name in names if table[name].is_unique][:1]


def _writer(encoding: TableEncoding, name: str, values) -> Callable[[Any], Any]:
    """Returns the function that rounds an imputed cell as its column is written.

    Args:
        encoding: encoding of the table.
        name: name of the column.
        values: series of its cells.
    """
    kind = next(column.kind for column in encoding.columns if column.name == name)
    places = {"count": lambda: 0, "real": lambda: decimals_of(values)}.get(kind, lambda: None)()
    if places is None:
        return lambda cell: cell
    return lambda cell: plain(round(float(cell), 0)) if places == 0 else round(float(cell), places)


def decimals_of(values) -> int | None:
    """Returns the most decimals of a number in a column.

    None stands for numbers with an exponent.

    Args:
        values: series of cells, which are numbers or missing.
    """
    texts = [repr(float(value)) for value in values.dropna()]
    if any("e" in text for text in texts):
        return None
    return max((len(text.partition(".")[2].removesuffix("0")) for text in texts), default=0)


def _listed(names) -> str:
    names = list(names)
    more = f" and {len(names) - LISTED:,} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more


def row_texts(encoding, x) -> list[str]:
    """Returns the first cells of each row in words.

    Args:
        encoding: encoding of the table.
        x: observations, or their means. Shape [N, F].
    """
    frame = encoding.decode(x)
    more = len(frame.columns) - LISTED
    ending = f", and {more:,} more" if more > 0 else ""
    cells = frame.iloc[:, :LISTED].to_dict("records")
    return [", ".join(f"{name}: {_cell_text(value)}" for name, value in row.items()) + ending for row in cells]


def _cell_text(value) -> str:
    if value is None or str(value) == "nan":
        return "missing"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
