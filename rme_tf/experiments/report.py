"""Tables of recorded runs, in the documents too: `python -m rme_tf.experiments.report` renders them again."""

import collections
import math
import pathlib
import re

import numpy as np
from tabulate import tabulate

from rme_tf.records import read_json

DOCUMENTS = ("README.md",)
RESULTS = pathlib.Path("recipes/results")
BLOCK = re.compile(r"(<!-- (?P<kind>results|runs): (?P<study>\S+) -->\n).*?(<!-- end of results -->)", re.DOTALL)

Record = dict


def summary_row(record: Record) -> dict:
    """Returns the row of one run in the table that a recipe ends with."""
    test, train = record["metrics"]["test"], record["metrics"]["train"]
    metrics = record["metrics"]
    samples = record["config"]["importance_samples"]
    return {
        "parameters": metrics["inference_parameters"] + metrics["generative_parameters"],
        "train ELBO": f"{train['elbo']:.2f}",
        "test ELBO": f"{test['elbo']:.2f} ± {test['elbo_standard_error']:.2f}",
        f"test log p(x), {samples:,} samples": (
            f"{test['log_likelihood']:.2f} ± {test['log_likelihood_standard_error']:.2f}"
        ),
        "bits/dim": f"{test['bits_per_dimension']:.4f}",
        "active units": f"{test['active_units']} of {record['config']['latent_dim']}",
        "H(alpha)": f"{test['mixing_entropy']:.3f}",
        "s/epoch": f"{record['seconds']['last_epoch']:.2f}",
        "inference ms/128": f"{record['inference_milliseconds_per_batch_of_128']:.2f}",
    }


def summary_table(records: dict[str, Record], style: str = "simple") -> str:
    """Returns the table of single runs, by the model's name; bounds in nats, ± the error over images."""
    rows = [{"model": name, **summary_row(record)} for name, record in records.items()]
    return tabulate(rows, headers="keys", tablefmt=style, disable_numparse=True)


def mean_and_error(values) -> str:
    """Returns "mean ± standard error" over seeds; the mean alone for a single one."""
    values = np.asarray(values, float)
    if len(values) == 1:
        return f"{values[0]:.2f}"
    return f"{values.mean():.2f} ± {values.std(ddof=1) / math.sqrt(len(values)):.2f}"


def study_table(records: list[Record], style: str = "github") -> str:
    """Returns the table of a study: one row a method, means ± standard errors over its seeds."""
    methods = collections.defaultdict(list)
    for record in records:
        methods[record["method"]].append(record)
    rows = []
    for method, group in methods.items():
        tests = [record["metrics"]["test"] for record in group]
        trains = [record["metrics"]["train"] for record in group]
        samples = group[0]["config"]["importance_samples"]
        least = min(min(test[f"alpha_{m}"] for m in range(group[0]["config"]["components"])) for test in tests)
        rows.append(
            {
                "method": method,
                "M": group[0]["config"]["components"],
                "seeds": len(group),
                "test ELBO": mean_and_error([test["elbo"] for test in tests]),
                f"test log p(x), {samples:,} samples": mean_and_error([test["log_likelihood"] for test in tests]),
                "train ELBO": mean_and_error([train["elbo"] for train in trains]),
                "I(m; z)": mean_and_error([test["component_information"] for test in tests]),
                "least mean alpha": f"{least:.3f}",
                "active units": mean_and_error([test["active_units"] for test in tests]),
                "minutes": f"{np.mean([record['seconds']['training'] for record in group]) / 60:.1f}",
            }
        )
    return tabulate(rows, headers="keys", tablefmt=style, disable_numparse=True)


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
    runs.
    """

    def table(match):
        """Returns the marked block of one study, rendered again."""
        records = load_study(pathlib.Path(results) / match["study"])
        if match["kind"] == "results":
            rendered = study_table(records)
        else:
            rendered = summary_table({record["method"]: record for record in records}, style="github")
        return f"{match[1]}\n{rendered}\n\n{match[4]}"

    return BLOCK.sub(table, text)


def main() -> None:
    """Renders the tables of all documents from the records."""
    for document in map(pathlib.Path, DOCUMENTS):
        before = document.read_text(encoding="utf-8")
        after = render(before)
        document.write_text(after, encoding="utf-8")
        print(f"{document}: {'rendered anew' if after != before else 'unchanged'}")


if __name__ == "__main__":
    main()
