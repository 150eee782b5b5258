"""The documents: rendered from the records, with tables that fit a page and links that lead somewhere."""

import pathlib
import re

import pytest

from rme_tf.core.files import write_json
from rme_tf.experiments.reports import documents
from rme_tf.experiments.reports.page_tables import WIDTH
from test_page_tables import tables_in
from test_report import compared, record

ROOT = pathlib.Path(__file__).parents[2]
DOCUMENTS = sorted(str(path.relative_to(ROOT)) for path in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\]\((?!https?://)([^)#\s]+)(#[^)\s]*)?\)")


def text_of(document):
    return (ROOT / document).read_text(encoding="utf-8")


@pytest.mark.parametrize("document", documents.DOCUMENTS)
def test_the_tables_of_the_documents_are_those_of_the_records(document, monkeypatch):
    monkeypatch.chdir(ROOT)
    text = text_of(document)
    assert documents.render(text, document=document) == text
    for path, table in documents.csv_files(text).items():
        assert path.read_text(encoding="utf-8") == table
    for figures in documents.figures_of(text):
        assert all(path.exists() for path in figures.paths)


def test_every_document_with_a_mark_is_rendered():
    marked = {
        document for document in DOCUMENTS if documents.BLOCK.search(text_of(document) + "<!-- end of results -->")
    }
    marked |= {document for document in DOCUMENTS if documents.FIGURE.search(text_of(document))}
    assert marked == set(documents.DOCUMENTS)


def test_every_csv_belongs_to_a_table_of_the_documents(monkeypatch):
    monkeypatch.chdir(ROOT)
    marked = {path for document in documents.DOCUMENTS for path in documents.csv_files(text_of(document))}
    assert {path.relative_to(ROOT) for path in (ROOT / documents.TABLES).glob("*.csv")} == marked


@pytest.mark.parametrize("document", documents.DOCUMENTS)
def test_the_rendered_tables_have_six_columns_at_most_and_no_row_of_one_seed_among_several(document):
    for block in documents.BLOCK.finditer(text_of(document)):
        tables = tables_in(block[0])
        assert tables or "Not measured yet" in block[0]
        for header, *lines in tables:
            assert len(header) <= WIDTH
            if "seeds" in header:
                assert "1" not in {row[header.index("seeds")] for row in lines}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_the_links_of_the_documents_lead_to_files(document):
    for target, _ in LINK.findall(text_of(document)):
        assert (ROOT / document).parent.joinpath(target).exists(), target


def test_a_document_in_a_folder_links_to_the_csv_from_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(documents, "DOCUMENTS", ("README.md", "docs/results/some.md"))
    for seed in (0, 1):
        write_json(tmp_path / documents.RESULTS / "some" / f"rme-seed{seed}.json", compared("rme", -90.0 - seed, seed))
    (tmp_path / "docs" / "results").mkdir(parents=True)
    for document in documents.DOCUMENTS:
        marked = "<!-- results: some -->\n<!-- end of results -->\n"
        (tmp_path / document).write_text(marked, encoding="utf-8")
    documents.main()
    for document in documents.DOCUMENTS:
        (link,) = LINK.findall((tmp_path / document).read_text(encoding="utf-8"))
        assert (tmp_path / document).parent.joinpath(link[0]).resolve() == tmp_path / documents.TABLES / "some.csv"
    assert "-90.50,0.50" in (tmp_path / documents.TABLES / "some.csv").read_text(encoding="utf-8")


def test_two_blocks_of_one_study_must_agree_on_its_csv(tmp_path):
    for seed in (0, 1):
        write_json(tmp_path / "some" / f"rme-seed{seed}.json", {**record(), **compared("rme", -90.0 - seed, seed)})
    blocks = "<!-- results: some -->\n<!-- end of results -->\n<!-- comparison: some rme -->\n<!-- end of results -->"
    with pytest.raises(ValueError, match=r"Expected one table .* two that differ, for .*some\.csv"):
        documents.csv_files(blocks, tmp_path)
