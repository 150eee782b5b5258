"""`page_tables`: at most six columns, rows of one seed apart, and the CSV of all columns with the same digits."""

import csv
import io

import pytest

from rme_tf.experiments.reports import page_tables
from rme_tf.experiments.reports.page_tables import APART, ONE_SEED, WIDTH, csv_text, page_text, tables_for
from rme_tf.experiments.reports.paired_comparison import comparison_captions, comparison_rows
from rme_tf.experiments.reports.tables import study_rows, summary_rows
from test_report import compared, record, text_record


def tables_in(text):
    """The tables of a Markdown text, each a list of rows of cells, without the line under the header."""
    tables = []
    for block in text.split("\n\n"):
        lines = [line for line in block.splitlines() if line.startswith("|")]
        if lines:
            cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
            tables.append([cells[0], *cells[2:]])
    return tables


def several_and_single():
    """Records of two methods under two seeds and of two under one, and their rows."""
    scores = {"vae": (-9000.0, -9004.5), "rme": (-89.0, -91.5), "me": (-88.0,), "iaf": (-87.0,)}
    records = [compared(method, elbo, seed) for method, elbos in scores.items() for seed, elbo in enumerate(elbos)]
    for each in records:
        if each["method"] in ("vae", "iaf"):
            each["config"]["components"] = 1
    return records, comparison_rows(records, "vae")


def comparison():
    records, rows = several_and_single()
    return rows, page_tables.comparison_tables_for("vae", *comparison_captions(records))


def study(records):
    rows = study_rows(records)
    return rows, tables_for(rows)


def runs(records):
    rows = summary_rows({each["method"]: each for each in records})
    return rows, tables_for(rows)


IMAGES = [record("vae", components=1), record(), record()]
SENTENCES = [text_record("lm"), text_record(), text_record(nll=44.0)]
KINDS = {
    "comparison": comparison,
    "study of images": lambda: study(IMAGES),
    "study of sentences": lambda: study(SENTENCES),
    "runs on images": lambda: runs(IMAGES),
    "runs on sentences": lambda: runs(SENTENCES),
}


@pytest.mark.parametrize("kind", KINDS)
def test_page_text_shows_the_cells_of_the_rows_in_six_columns_at_most(kind):
    rows, tables = KINDS[kind]()
    by_name = {next(iter(row.values())): row for row in rows}
    shown = tables_in(page_text(rows, tables))
    assert {row[0] for _, *lines in shown for row in lines} == set(by_name)
    for header, *lines in shown:
        assert len(header) <= WIDTH
        for name, *cells in lines:
            assert cells == [str(by_name[name][column]) for column in header[1:]]
    assert len({column for header, *_ in shown for column in header}) > WIDTH  # so that one table would not do


@pytest.mark.parametrize("kind", KINDS)
def test_csv_text_has_every_column_of_every_row_with_its_digits(kind):
    rows, _ = KINDS[kind]()
    read = list(csv.DictReader(io.StringIO(csv_text(rows))))
    assert len(read) == len(rows)
    for line, row in zip(read, rows, strict=True):
        for column, cell in row.items():
            error, p = (line.get(f"{column}, {part}", "") for part in ("standard error", "p"))
            again = line[column] + (f" ± {error}" if error else "") + (f" (p = {p})" if p else "")
            assert again == str(cell).replace("**", "").replace(",", "")


def test_page_text_sets_rows_of_one_seed_apart():
    text = page_text(*comparison())
    several, single = text.split(APART)
    assert [[row[0] for row in lines] for _, *lines in tables_in(several)] == [["vae", "rme"], ["rme"], ["vae", "rme"]]
    assert [header for header, *_ in tables_in(single)] == [["method", "M", "test log p(x)", "less vae's", "test ELBO"]]
    assert [[row[0] for row in lines] for _, *lines in tables_in(single)] == [["me", "iaf"]]
    assert ONE_SEED not in text


def test_page_text_of_single_seeds_says_so_once_and_shows_every_table():
    rows = study_rows([record("vae", components=1), record()])
    text = page_text(rows, tables_for(rows))
    assert text.startswith(ONE_SEED)
    assert APART not in text
    assert len(tables_in(text)) == 2
    assert not any("seeds" in header for header, *_ in tables_in(text))


def test_page_text_refuses_a_table_that_is_too_wide():
    row = dict.fromkeys("abcdefg", "1")
    with pytest.raises(ValueError, match="at most 6 columns. Received: a, b, c, d, e, f, g"):
        page_text([row], [page_tables.PageTable(("*",))])


@pytest.mark.parametrize(
    ("cell", "parts"),
    [
        ("-1,865,071.98 ± 13,898.31", ("-1865071.98", "13898.31", "")),
        ("**-9.51 (p = 0.003)**", ("-9.51", "", "0.003")),
        ("+1.89 (p = 0.850)", ("+1.89", "", "0.850")),
        ("1,026,200", ("1026200", "", "")),
        ("1 of 5", ("1 of 5", "", "")),
        ("20 of 20", ("20 of 20", "", "")),
        ("", ("", "", "")),
    ],
)
def test_csv_text_divides_a_cell_into_plain_numbers(cell, parts):
    read = next(csv.DictReader(io.StringIO(csv_text([{"method": "a", "x": cell}]))))
    assert tuple(read.get(f"x{ending}", "") for ending in ("", ", standard error", ", p")) == parts
