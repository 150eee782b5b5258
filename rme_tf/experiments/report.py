"""Tables and figures of recorded runs in the documents: `python -m rme_tf.experiments.report` renders them again."""

import pathlib
import re
from typing import NamedTuple

from rme_tf.experiments.comparison import comparison_text, draw_comparison
from rme_tf.experiments.figures import draw_diagnostics
from rme_tf.experiments.loading import load_records, load_study
from rme_tf.experiments.study_files import SUFFIX
from rme_tf.experiments.tables import benchmark_table, by_method, study_table, summary_table
from rme_tf.registry import lookup

DOCUMENTS = (
    "README.md",
    "docs/benchmark.md",
    "docs/collapse.md",
    "docs/gaussian.md",
    "docs/gpu.md",
    "docs/images.md",
    "docs/results.md",
)
RESULTS = pathlib.Path("recipes/results")
FIGURES = pathlib.Path("docs/figures")
BLOCK = re.compile(
    r"(?P<begin><!-- (?P<kind>results|runs|benchmark|comparison): (?P<study>\S+)( (?P<reference>\S+))? -->\n)"
    r".*?(?P<end><!-- end of results -->)",
    re.DOTALL,
)
FIGURE = re.compile(r"<!-- (?P<kind>diagnostics|comparison figures): (?P<study>\S+)(?P<methods>(\s+(?!-->)\S+)*)\s+-->")


def render(text: str, results=RESULTS) -> str:
    """Returns a document with its blocks rendered anew from the records.

    `<!-- results: STUDY --> ... <!-- end of results -->` holds means over seeds, `<!-- runs: STUDY --> ...` single
    runs, `<!-- benchmark: STUDY --> ...` the table of a benchmark, and `<!-- comparison: STUDY REFERENCE --> ...` the
    tables of methods, with their differences from the one that is named.
    """

    def block(match):
        rendered = _rendered(match["kind"], study_path(match["study"], results), match["reference"])
        return f"{match['begin']}\n{rendered}\n\n{match['end']}"

    return BLOCK.sub(block, text)


def study_path(study: str, results=RESULTS) -> pathlib.Path:
    """Returns the file of a study, or the folder of its records where there is no file.

    Raises:
        ValueError: if there are both, of which one is out of date.
    """
    file, folder = pathlib.Path(results) / f"{study}{SUFFIX}", pathlib.Path(results) / study
    if file.exists() and folder.exists():
        raise ValueError(f"Expected one form of the study {study}. Received: {file} and {folder}. Remove one.")
    return file if file.exists() else folder


def _rendered(kind: str, path: pathlib.Path, reference: str | None) -> str:
    """Returns the table of a marked block, from the records of a study."""
    if kind == "benchmark" and not path.exists():
        return (
            f"Not measured yet: run the benchmark with `--out runs/{path.name}/benchmark.json`, and pack that folder."
        )
    if kind == "comparison":
        return comparison_text(load_records([path]), str(reference))
    records = load_study(path)
    if kind == "results":
        return study_table(records)
    if kind == "benchmark":
        return benchmark_table(records[0])
    return summary_table({record["method"]: record for record in records}, style="github")


class Figures(NamedTuple):
    """What the mark of a figure, or of two, asks for."""

    kind: str
    study: str
    methods: list[str]  # to draw: all if there are none
    paths: list[pathlib.Path]


def figures_of(text: str, folder=FIGURES) -> list[Figures]:
    """Returns the figures that a document marks.

    `<!-- diagnostics: STUDY -->` marks STUDY.png, `<!-- comparison figures: STUDY -->` STUDY_curves.png and
    STUDY_trade_off.png. Behind STUDY may stand the methods to draw: all unless given.
    """
    endings = {"diagnostics": [""], "comparison figures": ["_curves", "_trade_off"]}
    return [
        Figures(kind, study, methods.split(), [pathlib.Path(folder) / f"{study}{end}.png" for end in endings[kind]])
        for kind, study, methods in (match.group("kind", "study", "methods") for match in FIGURE.finditer(text))
    ]


def choose(records: list, methods: list[str]) -> list:
    """Returns the records of those methods, all if there are none; raises ValueError for one without a record."""
    groups = by_method(records)
    for method in methods:
        lookup(groups, method, "method of a figure")
    return [record for record in records if not methods or record["method"] in methods]


def main() -> None:
    """Renders the tables of all documents from the records, and draws the figures that they mark: see `figures_of`."""
    for document in map(pathlib.Path, DOCUMENTS):
        before = document.read_text(encoding="utf-8")
        after = render(before)
        document.write_text(after, encoding="utf-8")
        for kind, study, methods, paths in figures_of(after):
            if kind == "diagnostics":
                draw_diagnostics(choose(load_study(study_path(study)), methods), *paths)
            else:
                records = choose(load_records([study_path(study)]), methods)
                draw_comparison(records, curves=paths[0], trade_off=paths[1])
        print(f"{document}: {'rendered anew' if after != before else 'unchanged'}")


if __name__ == "__main__":
    main()
