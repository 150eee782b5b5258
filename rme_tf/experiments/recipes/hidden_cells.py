"""Errors of imputations of cells that are hidden from the model."""

from typing import Any

import numpy as np

from rme_tf.data.tables import TableEncoding
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
        errors: dict of the number of hidden cells and the errors; errors of absent kinds are left out.
    """
    hidden = hidden_cells(encoding, test, share, seed)
    seen = np.where(hidden, np.nan, test).astype(np.float32)
    imputed = impute_mean(model, seen, importance_samples=importance_samples, seed=seed)
    means, scales = np.nanmean(train, axis=0), np.nanstd(train, axis=0)
    squares: dict[str, list] = {"model": [], "constant": []}
    wrong: dict[str, list] = {"model": [], "constant": []}
    for column in encoding.columns:
        part = encoding.slices()[column.name]
        rows = hidden[:, part].any(axis=-1)
        for name, guess in (("model", imputed), ("constant", np.broadcast_to(means, test.shape))):
            if column.kind in NUMERIC:
                error = (guess[rows, part] - test[rows, part]) / scales[part]
                squares[name].append(np.square(error).ravel())
            else:
                cells = zip(column.decode(guess[rows, part]), column.decode(test[rows, part]), strict=True)
                wrong[name].append(np.array([first != second for first, second in cells], float))
    errors: dict[str, Any] = {"hidden_cells": int(sum(len(part) for part in (*squares["model"], *wrong["model"])))}
    for name in ("model", "constant"):
        for title, parts in (("rmse", squares), ("wrong_levels", wrong)):
            values = np.concatenate([*parts[name], []])
            if len(values):
                mean = float(np.mean(values))
                errors[f"{title}_of_{name}"] = mean**0.5 if title == "rmse" else mean
    return errors
