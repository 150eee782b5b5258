"""Records of finished runs, read from runs, folders and study files."""

import os
import pathlib
from collections.abc import Collection, Iterable, Mapping

from rme_tf.core.files import as_path, read_json
from rme_tf.experiments.reports.configuration import differences, field
from rme_tf.experiments.reports.run_files import check_finished, read_record
from rme_tf.experiments.reports.run_names import method_of
from rme_tf.experiments.reports.study_files import SUFFIX, read_study_file
from rme_tf.experiments.reports.tables import Record

# Fields of recipes that identify the data; records from before a field existed lack it.
DATA = (
    *("dataset", "path", "size", "channels", "bits", "binarization"),
    *("corpus", "train", "validation", "test", "tfds", "field"),
)
TOKENS = ("tokenizer", "vocabulary_size", "lowercase", "coverage", "max_length")  # fields that decide on the tokens


def token_differences(records: Iterable[Record]) -> list[str]:
    """Returns the differences of the tokens of records, in words.

    Densities of different token strings cannot be compared. The size of the vocabulary is the one of the trained
    tokenizer, where recorded.

    Args:
        records: records of runs. Those without sentences, or without a field, do not differ in it.
    """
    values: dict[str, dict] = {name: {} for name in TOKENS}
    for record in records:
        facts = record.get("data") or {}
        for name in TOKENS:
            value = facts.get(name) if name == "vocabulary_size" else None
            value = field(record, name) if value is None else value
            if value is not None:
                values[name][value] = None
    return _in_words(values)


def _in_words(values: Mapping[str, Collection]) -> list[str]:
    """Returns the fields with several values, in words."""
    return [f"{name} {' and '.join(map(str, several))}" for name, several in values.items() if len(several) > 1]


def load_study(path) -> list[Record]:
    """Returns the records of a study.

    Args:
        path: folder of records (JSON), which come in the order of their names, or file of a study (.jsonl), whose
            records come in the order of its lines.

    Raises:
        ValueError: if there are none.
    """
    path = pathlib.Path(path)
    if path.suffix == SUFFIX and path.is_file():
        return read_study_file(path)
    paths = sorted(path.glob("*.json"))
    if not paths:
        raise ValueError(
            "Expected JSON records of runs in a folder, or the file of a study (.jsonl). "
            f"Received: {path}, which has none."
        )
    return [read_json(path) for path in paths]


def load_records(paths: Iterable) -> list[Record]:
    """Returns the records of runs, checked to be comparable.

    Args:
        paths: folders of runs, records (.json), folders of records, and files of studies (.jsonl). A record that two of
            them hold, such as a run and its record, is returned once.

    Raises:
        ValueError: for another path, or a run that has not been finished; if the records are of several data sets or
            tokenizers, or two of one method and seed differ in their configuration.
    """
    records: list[Record] = []
    if isinstance(paths, str | os.PathLike) or not isinstance(paths, Iterable):
        raise ValueError(f"Expected a list of paths. Received: {paths!r}. Pass one path in a list, [path].")
    paths = [as_path(path) for path in paths]
    for path in paths:
        if (path / "config.yaml").exists():
            records.append(_record_of_run(path))
        elif (path.is_dir() and any(path.glob("*.json"))) or (path.suffix == SUFFIX and path.is_file()):
            records += load_study(path)
        elif path.suffix == ".json" and path.is_file():
            records.append(read_json(path))
        else:
            raise ValueError(
                f"Expected a run, a record (.json), a folder of records or a study (.jsonl). Received: {path}."
            )
    wrong = [record for record in records if not {"method", "metrics", "history"} <= record.keys()]
    if wrong or not records:
        raise ValueError(f"Expected records of runs. Received others, or none, in {', '.join(map(str, paths))}.")
    return _of_one_comparison(records)


def _of_one_comparison(records: list[Record]) -> list[Record]:
    """Returns each record once, checked to be comparable with the others: see `load_records`."""
    values = {name: list(dict.fromkeys(field(record, name) for record in records)) for name in DATA}
    if different := _in_words(values):
        raise ValueError(
            f"Expected records on one data set. Received records of {'; '.join(different)}. "
            "A page of runs on different data: rme report RUN RUN."
        )
    if different := token_differences(records):
        raise ValueError(
            f"Expected records with one kind of tokens. Received: {'; '.join(different)}. "
            "Their log p(x) are of different token strings. A page of such runs: rme report RUN RUN."
        )
    first: dict[tuple, Record] = {}
    for record in records:
        seed = field(record, "seed")
        known = first.setdefault((record["method"], seed), record)
        if different := differences(known["config"], record["config"]):
            raise ValueError(
                "Expected one configuration for each method and seed. Received two records of "
                f"{record['method']!r} under seed {seed}, which differ in {', '.join(different)}."
            )
    return list(first.values())


def _record_of_run(path: pathlib.Path) -> Record:
    check_finished(path)
    history = read_json(path / "checkpoints" / "history.json")
    return {"method": method_of(path.name), **read_record(path), "history": history}
