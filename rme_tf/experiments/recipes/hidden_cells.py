"""Errors of imputations of cells that are hidden from the model."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from rme_tf.data.tables import Column, TableEncoding
from rme_tf.evaluation import impute_mean

NUMERIC = ("count", "real")  # kinds with errors in standard deviations; other kinds have wrong levels


def hidden_cells(encoding: TableEncoding, x, share: float, seed: int) -> np.ndarray:
    """Returns which entries to hide: all entries of random seen cells.

    Args:
        encoding: encoding of the rows.
        x: observations, NaN where missing. Shape [N, F].
        share: share of the cells.
        seed: seed of the choice.
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    hidden = np.zeros(x.shape, bool)
    for part in encoding.slices().values():
        hidden[:, part] = (rng.random(len(x)) < share)[:, np.newaxis]
    return hidden & ~np.isnan(x)


def imputation_errors(
    model, encoding: TableEncoding, train, test, *, importance_samples: int, share: float = 0.1, seed: int = 0
) -> dict[str, Any]:
    """Returns errors of the imputations of hidden test cells, and of constants.

    Real columns and counts have the root of the mean squared error, in standard deviations of the training rows;
    levels have the share of wrong ones. The constants are the mean and the most frequent level of the training rows.

    Args:
        model: `VAE` of data with missing entries.
        encoding: encoding of the rows.
        train: training observations. Shape [N, F].
        test: test observations. Shape [N, F].
        importance_samples: number of draws of each imputation.
        share: share of the test cells that are hidden.
        seed: seed of the choice and of the draws.

    Returns:
        errors: dict of the number of hidden cells and the errors; errors of absent kinds are left out. `columns` has
            the same for each column.
    """
    hidden = hidden_cells(encoding, test, share, seed)
    seen = np.where(hidden, np.nan, test).astype(np.float32)
    imputed = impute_mean(model, seen, importance_samples=importance_samples, seed=seed)
    constants = np.broadcast_to(np.nanmean(train, axis=0), test.shape)
    scales, by_column = np.nanstd(train, axis=0), {}
    for column in encoding.columns:
        part = encoding.slices()[column.name]
        rows = hidden[:, part].any(axis=-1)
        by_column[column.name] = {
            name: _cell_errors(column, guess[rows, part], test[rows, part], scales[part])
            for name, guess in (("model", imputed), ("constant", constants))
        }
    errors: dict[str, Any] = {"hidden_cells": sum(len(cells["model"]) for cells in by_column.values())}
    for score, numeric in (("rmse", True), ("wrong_levels", False)):
        of_score = [by_column[column.name] for column in encoding.columns if (column.kind in NUMERIC) == numeric]
        for name in ("model", "constant"):
            values = np.concatenate([np.zeros(0), *(cells[name] for cells in of_score)])
            if len(values):
                errors[f"{score}_of_{name}"] = _score(score, values)
    errors["columns"] = {column.name: _of_column(column, by_column[column.name]) for column in encoding.columns}
    return errors


def _cell_errors(column: Column, guess, cells, scale) -> np.ndarray:
    """Returns the squared error of each number, in standard deviations, or 1 for each wrong level and 0 for others."""
    if column.kind in NUMERIC:
        return np.square((guess - cells) / scale).ravel()
    levels = zip(column.decode(guess), column.decode(cells), strict=True)
    return np.array([first != second for first, second in levels], float)


def _score(score: str, values) -> float:
    mean = float(np.mean(values))
    return mean**0.5 if score == "rmse" else mean


def _of_column(column: Column, cells: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Returns the scores of a column, or only 0 hidden cells."""
    score = "rmse" if column.kind in NUMERIC else "wrong_levels"
    scores = {f"{score}_of_{name}": _score(score, values) for name, values in cells.items() if len(values)}
    return {"hidden_cells": len(cells["model"]), **scores}
