"""The recipe of tables: a CSV file with holes to imputations, samples and a record; resumed, and refused."""

import json

import numpy as np
import pytest

import rme_tf
from page_snippets import run_as_a_user, snippets_of
from rme_tf.data.tables import TableEncoding, encode_table
from rme_tf.experiments import Part, TableRecipe, run, with_fields
from rme_tf.experiments.recipes import hidden_cells
from rme_tf.experiments.recipes.table_files import decimals_of, description
from test_recipes import run_here  # noqa: F401  a fixture

pandas = pytest.importorskip("pandas")

N = 60
HOLES = {"height": 7, "visits": 4, "city": 5}
SMALL = ["--latent-dim", "2", "--components", "2", "--encoder.units", "8", "--decoder.units", "8"]
SMALL += ["--optimizer", "sgd", "--warm-start-epochs", "0", "--draws", "3", "--batch-size", "48"]


@pytest.fixture
def people(tmp_path):
    """A CSV file of all kinds of columns with holes, and its table."""
    rng = np.random.default_rng(0)
    frame = pandas.DataFrame(
        {
            "id": np.arange(1, N + 1),
            "height": np.round(rng.normal(170.0, 9.0, N), 1),
            "visits": rng.poisson(3.0, N),
            "smoker": rng.choice(["yes", "no"], N),
            "city": rng.choice(["Bath", "Ely", "York"], N),
            "group": rng.choice(["a", "b"], N),
        }
    )
    for name, count in HOLES.items():
        frame[name] = frame[name].astype(object)
        frame.loc[rng.choice(N, count, replace=False), name] = None
    frame.to_csv(tmp_path / "people.csv", index=False)
    return frame


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
def test_the_recipe_of_tables_leaves_what_it_promises(run_here, people, tmp_path):  # noqa: F811
    command = ["table_data.py", "--path", "people.csv", "--label", "group", "--smoke", *SMALL]
    printed = run_here(*command)
    for words in ("Rows: 48 for train, 6 for validation, 6 for test.", "count: visits", "ignored: id", "city (8.3%)"):
        assert words in printed
    out = tmp_path / "runs" / "table_data_smoke"
    for name in ("metrics.json", "model.keras", "saved_model", "codes_RME.png", "samples.csv"):
        assert (out / name).exists(), name
    cells, completed = (pandas.read_csv(out / f"{name}.csv") for name in ("imputed", "completed"))
    assert cells["column"].value_counts().to_dict() == HOLES
    assert list(cells) == ["row", "id", "column", "estimate", "draw_1", "draw_2", "draw_3"]
    assert (cells["id"] == cells["row"]).all()
    counts = cells[cells["column"] == "visits"].drop(columns=["row", "id", "column"])
    assert counts.map(str.isdigit).all(axis=None)  # as text: no "1.99" and no "2.0"
    assert pandas.api.types.is_integer_dtype(completed["visits"])
    assert all(len(value.partition(".")[2]) == 1 for value in cells["estimate"][cells["column"] == "height"])
    for _, cell in cells.iterrows():
        assert people.isna().loc[cell["row"] - 1, cell["column"]]
        assert str(completed.loc[cell["row"] - 1, cell["column"]]) == cell["estimate"]
    assert set(cells["draw_1"][cells["column"] == "city"]) <= {"Bath", "Ely", "York"}
    assert not completed.isna().any(axis=None)
    seen = people.notna()
    assert (completed == pandas.read_csv("people.csv"))[seen].sum(axis=None) == seen.sum(axis=None)
    assert list(pandas.read_csv(out / "samples.csv")) == TableEncoding.load(out / "encoding.json").names
    record = json.loads((out / "metrics.json").read_text(encoding="utf-8"))
    assert record["data"]["columns"] == {"height": "real", "visits": "count", "smoker": "binary", "city": "category"}
    assert np.isfinite(record["metrics"]["test"]["log_likelihood_in_units"])
    assert record["metrics"]["test"]["bits_per_dimension"] is None
    assert record["metrics"]["test"]["imputation"]["hidden_cells"] > 0
    before = (out / "metrics.json").read_bytes()
    run_here(*command)  # a finished run is only read
    assert (out / "metrics.json").read_bytes() == before
    people.assign(height=people["height"].astype(float) + 1.0).to_csv("people.csv", index=False)
    with pytest.raises(ValueError, match=r"The table gives another encoding than .*encoding.json"):
        run(TableRecipe(**{**recipe_fields(), "out": str(out), "smoke": True}))


@pytest.mark.parametrize(
    ("values", "decimals"), [([1.0, 12.0, None], 0), ([1.5, 2.25], 2), ([10.0, 0.125], 3), ([1e-9, 1.0], None)]
)
def test_decimals_are_those_of_the_table(values, decimals):
    assert decimals_of(pandas.Series(values)) == decimals


def recipe_fields():
    """The fields of the command above."""
    networks = {name: Part("mlp", units=(8,)) for name in ("encoder", "decoder")}
    sizes = {"latent_dim": 2, "components": 2, "draws": 3, "batch_size": 48}
    others = {"optimizer": Part("sgd"), "algorithm": Part(warm_start_epochs=0), "path": "people.csv", "label": "group"}
    return {**networks, **sizes, **others}


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
def test_the_snippets_of_the_page_run(tmp_path, monkeypatch, capsys):
    """In fewer epochs."""
    fit = rme_tf.VAE.fit
    monkeypatch.setattr(
        rme_tf.VAE, "fit", lambda *args, epochs, **options: fit(*args, epochs=min(epochs, 2), **options)
    )
    monkeypatch.chdir(tmp_path)
    snippets = snippets_of("docs/tables.md")
    assert len(snippets) == 5
    run_as_a_user("\n".join(snippets))
    assert "('real', 1)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"table": "whine"}, "Unknown table. Expected one of: 'breast_cancer', 'iris', 'waveform', 'wine'"),
        ({"real_columns": ("a",), "ignored_columns": ("a",)}, r"Expected one kind for each column.*\['a'\]"),
        ({"draws": 0}, "`draws`"),
        ({"test_share": -0.1}, "`test_share`"),
        ({"unknown": "maybe"}, "`unknown` must be 'missing' or 'error'"),
        ({"encoder": "conv"}, "Unknown encoder. Expected one of: 'conv1d', 'mlp'"),
        ({"likelihood": Part("columns", real="laplace")}, "`real` must be one of"),
    ],
    ids=str,
)
def test_impossible_recipes_are_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        TableRecipe(**fields)


def test_holes_are_refused_by_a_recipe_without_missing_cells(people, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"The table has missing cells: height \(11.7%\)"):
        TableRecipe(path="people.csv", missing=False).load()
    assert TableRecipe(path="people.csv").load().model_options["missing"] is True
    assert TableRecipe().load().model_options["missing"] is False


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
def test_the_recipe_of_signals_draws_them(run_here, tmp_path):  # noqa: F811
    small = ["--encoder.filters", "2", "--decoder.filters", "2", "--encoder.hidden", "4", "--decoder.hidden", "4"]
    printed = run_here("signals.py", "--smoke", "--batch-size", "256", "--components", "2", *small)
    assert "real: step_1, step_2" in printed
    out = tmp_path / "runs" / "signals_smoke"
    for name in ("reconstructions.png", "samples.csv", "saved_model"):
        assert (out / name).exists(), name
    assert list(pandas.read_csv(out / "samples.csv"))[::20] == ["step_1", "step_21"]


def test_signals_with_holes_have_no_mask_behind_their_last_step(people, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for network, expected in (("conv1d", {"mask": False}), ("mlp", None)):
        task = with_fields(TableRecipe(path="people.csv"), {"encoder": network}).load()
        assert task.model_options.get("missing_options") == expected


def test_errors_of_imputations_are_of_the_hidden_cells_alone(people, monkeypatch):
    data = encode_table(people, label="group")
    train, test = data.arrays.train, data.arrays.test
    hidden = hidden_cells.hidden_cells(data.encoding, test, share=0.5, seed=3)
    assert not (hidden & np.isnan(test)).any()
    parts = data.encoding.slices()
    assert all((hidden[:, part].any(axis=-1) == hidden[:, part].all(axis=-1)).all() for part in parts.values())

    def exact(model, x, **options):
        np.testing.assert_array_equal(np.isnan(x), hidden | np.isnan(test))
        return np.where(hidden, test + (model == "off by one"), test)

    monkeypatch.setattr(hidden_cells, "impute_mean", exact)
    options = {"share": 0.5, "seed": 3, "importance_samples": 1}
    errors = hidden_cells.imputation_errors("exact", data.encoding, train, test, **options)
    columns = {name: np.flatnonzero(hidden[:, part].any(axis=-1)) for name, part in parts.items()}
    assert errors["hidden_cells"] == sum(map(len, columns.values()))
    assert errors["rmse_of_model"] == errors["wrong_levels_of_model"] == 0.0
    x, mean, scale = (values[:2] for values in (test.T, np.nanmean(train, axis=0), np.nanstd(train, axis=0)))
    squares = [((x[i][columns[name]] - mean[i]) / scale[i]) ** 2 for i, name in enumerate(("height", "visits"))]
    assert errors["rmse_of_constant"] == pytest.approx(np.sqrt(np.mean(np.concatenate(squares))), rel=1e-5)
    wrong = [
        data.frames.test[name].iloc[columns[name]] != data.frames.train[name].mode()[0] for name in ("smoker", "city")
    ]
    assert errors["wrong_levels_of_constant"] == pytest.approx(np.mean(np.concatenate(wrong)))
    of_constants = dict(zip(columns, [np.mean(part) for part in (*squares, *wrong)], strict=True))
    assert list(errors["columns"]) == list(columns)
    for name, scores in errors["columns"].items():
        score = "rmse" if name in ("height", "visits") else "wrong_levels"
        expected = np.sqrt(of_constants[name]) if score == "rmse" else of_constants[name]
        assert scores["hidden_cells"] == len(columns[name])
        assert scores[f"{score}_of_model"] == 0.0
        assert scores[f"{score}_of_constant"] == pytest.approx(expected, rel=1e-5)
    errors = hidden_cells.imputation_errors("off by one", data.encoding, train, test, **options)
    assert errors["rmse_of_model"] > 0.0


def test_levels_of_held_out_rows_alone_count_as_missing_and_are_listed(people, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    rows = TableRecipe(path="people.csv").read().frames.test.index
    people.loc[rows[:2], "city"] = "Rome"
    people.to_csv("people.csv", index=False)
    data = TableRecipe(path="people.csv").read()
    assert data.facts["unknown_levels"] == {"city": 2}
    assert "Cells with a level that no training row has, which count as missing: city (2)." in description(data)
    with pytest.raises(ValueError, match="Column 'city' has 'Rome' in row"):
        TableRecipe(path="people.csv", unknown="error").read()
