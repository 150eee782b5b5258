"""Tables and figures of recorded runs in the documents: `python -m rme_tf.experiments.report` renders them again."""

import pathlib
import re

from rme_tf import plots
from rme_tf.experiments.tables import Record, benchmark_table, study_table, summary_table
from rme_tf.records import read_json

DOCUMENTS = ("README.md", "docs/benchmark.md", "docs/collapse.md")
RESULTS = pathlib.Path("recipes/results")
FIGURES = pathlib.Path("docs/figures")
BLOCK = re.compile(
    r"(<!-- (?P<kind>results|runs|benchmark): (?P<study>\S+) -->\n).*?(<!-- end of results -->)", re.DOTALL
)
FIGURE = re.compile(r"<!-- diagnostics: (?P<study>\S+) -->")
# Of the epochs' histories; in nats but the counts.
DIAGNOSTICS = {
    "mi": "I(x; z), nats",
    "kl_total": "KL(Q || p), nats",
    "active_units": "active units",
    "reliance": "reliance on z, nats",
    "val_elbo": "validation ELBO, nats",
    "component_mi": "I(m; z | x), nats",
}


def load_study(directory) -> list[Record]:
    """Returns the records of a study, in the order of their file names.

    Raises:
        ValueError: if there are none.
    """
    paths = sorted(pathlib.Path(directory).glob("*.json"))
    if not paths:
        raise ValueError(f"Expected JSON records of runs in a directory. Received: {directory}, which has none.")
    return [read_json(path) for path in paths]


def render(text: str, results=RESULTS) -> str:
    """Returns a document with its blocks rendered anew from the records.

    `<!-- results: STUDY --> ... <!-- end of results -->` holds means over seeds, `<!-- runs: STUDY --> ...` single
    runs, `<!-- benchmark: STUDY --> ...` the table of a benchmark.
    """

    def table(match):
        """Returns the marked block of one study, rendered again."""
        records = load_study(pathlib.Path(results) / match["study"])
        if match["kind"] == "results":
            rendered = study_table(records)
        elif match["kind"] == "benchmark":
            rendered = benchmark_table(records[0])
        else:
            rendered = summary_table({record["method"]: record for record in records}, style="github")
        return f"{match[1]}\n{rendered}\n\n{match[4]}"

    return BLOCK.sub(table, text)


def draw_diagnostics(records: list[Record], path) -> None:
    """Draws what `CollapseMonitor` logged over the epochs, the first seed of each method."""
    histories: dict[str, dict] = {}
    for record in records:
        if "mi" in record["history"]:  # a language model has none
            histories.setdefault(record["method"], record["history"])
    metrics = {name: label for name, label in DIAGNOSTICS.items() if any(name in h for h in histories.values())}
    plots.save(plots.diagnostic_curves(histories, metrics), path)


def main() -> None:
    """Renders the tables of all documents from the records, and draws the figures that they mark.

    `<!-- diagnostics: STUDY -->` marks the figure docs/figures/STUDY.png.
    """
    for document in map(pathlib.Path, DOCUMENTS):
        before = document.read_text(encoding="utf-8")
        after = render(before)
        document.write_text(after, encoding="utf-8")
        for match in FIGURE.finditer(after):
            draw_diagnostics(load_study(RESULTS / match["study"]), FIGURES / f"{match['study']}.png")
        print(f"{document}: {'rendered anew' if after != before else 'unchanged'}")


if __name__ == "__main__":
    main()
