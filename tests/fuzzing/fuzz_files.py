"""Malformed files of text, tokenizers, tables, arrays and images, and addresses."""

import functools
import io
import json

import numpy as np

import fuzz_values as odd
from fuzz import Case
from fuzz_data_calls import LINES, frame
from rme_tf.data import load_binarized_mnist, load_caltech_silhouettes, load_frey_faces, load_omniglot, text
from rme_tf.data.files import read_mat
from rme_tf.data.tables import TableEncoding, encode_table, read_table

TEXT = "\n".join(f"{line} {number}" for number in range(12) for line in LINES[:4]).encode()
LABELED = b"\n".join(b"%d\t%s" % (index % 2, line) for index, line in enumerate(TEXT.split(b"\n")))


def text_files(rng, folder) -> Case:
    """A corpus with other bytes, or in another place."""
    labeled, whole = bool(rng.integers(2)), rng.random() < 0.5
    what, content = odd.damaged(rng, LABELED if labeled else TEXT)
    if rng.random() < 0.2:
        encoding = odd.chosen(rng, ("utf-16", "utf-32", "utf-8-sig", "latin-1", "utf-7", "utf-16-le"))
        what, content = encoding, ("\r\n".join(LINES * 4) + "é").encode(encoding)
    path = folder / "lines.txt"
    if whole:
        path.write_bytes(content)
        read = lambda: text.read_file(path, labeled=labeled)  # noqa: E731  of one line
    else:
        for name in ("train.txt", "valid.txt", "test.txt"):
            (folder / name).write_bytes(TEXT)
        name = odd.chosen(rng, ("train.txt", "valid.txt", "test.txt"))
        place = rng.integers(4)
        if place == 0:
            (folder / name).unlink()
            (folder / name).mkdir()
        elif place == 1:
            (folder / name).unlink()
            (folder / name).symlink_to(folder / "nowhere")
        else:
            (folder / name).write_bytes(content)
        read = lambda: text.read_folder(folder, labeled=labeled)  # noqa: E731
    kind = odd.chosen(rng, sorted(text.TOKENIZERS))

    def call():
        splits = read()
        model = text.train_tokenizer(splits.train, kind=kind, vocabulary_size=int(rng.integers(8, 40)))
        rows = text.tokenize(splits.test, model, max_length=20, directory=folder / "ids")
        return len(rows), splits.labels

    return Case(f"text: {what}, {kind}, labeled={labeled}", call)


@functools.cache
def _models() -> dict[str, bytes]:
    lines = LINES * 3
    kinds = {"word": 12, "char": 12, "unigram": 20, "bpe": 20}
    kinds = {kind: size for kind, size in kinds.items() if kind in text.TOKENIZERS}
    return {kind: text.train_tokenizer(lines, kind=kind, vocabulary_size=size).model for kind, size in kinds.items()}


def tokenizers(rng, folder) -> Case:
    """A model of a tokenizer with other bytes, loaded and used."""
    kind = odd.chosen(rng, sorted(_models()))
    what, content = odd.damaged(rng, _models()[kind])
    path = folder / "tokenizer.model"
    path.write_bytes(content)

    def call():
        loaded = text.load_tokenizer(path)
        rows = loaded.encode(LINES)
        ids = {int(index) for row in rows for index in row}
        return loaded, ids, loaded.decode(rows), loaded.unknown_characters(LINES)

    def check(result):
        loaded, ids, lines, _ = result
        inside = all(0 <= index < loaded.vocabulary_size for index in ids)
        return None if inside and len(lines) == len(LINES) else "ids outside of the vocabulary"

    return Case(f"tokenizer of {kind}: {what}", call, check)


def _csv() -> bytes:
    return frame().to_csv(index=False).encode()


@functools.cache
def _parquet() -> bytes:
    file = io.BytesIO()
    frame().to_parquet(file)
    return file.getvalue()


def tables(rng, folder) -> Case:
    """A table with other bytes or cells, read and encoded; or a damaged encoding."""
    kind = odd.chosen(rng, ("csv", "csv", "cells", "parquet", "encoding"))
    path = folder / f"table.{'parquet' if kind == 'parquet' else 'csv'}"
    if kind == "encoding":
        return _encoding(rng, folder)
    if kind == "cells":
        lines = _csv().decode().splitlines()
        row = int(rng.integers(len(lines)))
        cells = lines[row].split(",")
        column = int(rng.integers(len(cells)))
        cells[column] = odd.chosen(
            rng, ("", "x", "1e999", "nan", "inf", "-inf", '"', "1,2", "\0", "é", "?", " ", "9" * 400, "1e30")
        )
        lines[row] = ",".join(cells)
        what, content = f"cell {row}, {column} = {cells[column][:20]!r}", "\n".join(lines).encode()
    else:
        what, content = odd.damaged(rng, _parquet() if kind == "parquet" else _csv())
    path.write_bytes(content)

    def check(result):
        rows = [part for part in result.arrays if part is not None]
        wrong = any(np.isinf(np.asarray(part, "float64")).any() for part in rows)
        return "infinity in the encoded rows" if wrong else None

    return Case(f"{kind}: {what}", lambda: encode_table(read_table(path)), check)


def _encoding(rng, folder) -> Case:
    path = folder / "encoding.json"
    encoding = encode_table(frame()).encoding
    encoding.save(path)
    values = json.loads(path.read_text(encoding="utf-8"))
    if rng.random() < 0.5:
        what, content = odd.damaged(rng, path.read_bytes())
    else:
        inner, keys = values, []
        while isinstance(inner, dict | list) and inner and (not keys or rng.random() < 0.7):
            key = odd.chosen(rng, inner if isinstance(inner, dict) else range(len(inner)))
            keys.append((inner, key))
            inner = inner[key]
        value = odd.chosen(
            rng, [part for part in odd.PLAIN if not isinstance(part, dict) or all(isinstance(k, str) for k in part)]
        )
        owner, key = keys[-1]
        owner[key] = value
        what, content = f"{[key for _, key in keys]} = {value!r}", json.dumps(values).encode()
    path.write_bytes(content)

    def call():
        loaded = TableEncoding.load(path)
        arrays = loaded.encode(frame())
        return loaded.decode(arrays)

    return Case(f"encoding: {what}", call)


def _mat() -> bytes:
    from scipy import io as scipy_io

    file = io.BytesIO()
    rng = np.random.default_rng(0)
    scipy_io.savemat(
        file, {"ff": rng.integers(0, 256, (560, 20), dtype=np.uint8), "data": rng.random((784, 5)), "s": {"a": 1}}
    )
    return file.getvalue()


@functools.cache
def _mat_once() -> bytes:
    return _mat()


def matlab(rng, folder) -> Case:
    """A MATLAB file with other bytes or arrays."""
    from scipy import io as scipy_io

    path = folder / "file.mat"
    if rng.random() < 0.6:
        what, content = odd.damaged(rng, _mat_once())
        path.write_bytes(content)
    else:
        value = odd.chosen(
            rng,
            (
                np.zeros((560, 1965)),
                np.zeros((560, 3), np.uint8),
                np.array(["x"]),
                {"a": 1},
                np.zeros((0, 0)),
                np.array([[1j]]),
                np.full((784, 3), np.nan),
            ),
        )
        what = odd.short(value)
        scipy_io.savemat(path, {"ff": value, "data": value, "testdata": value, "train_data": value})
    loaders = {"frey": load_frey_faces, "omniglot": load_omniglot, "caltech": load_caltech_silhouettes}
    name = odd.chosen(rng, (*loaders, "read_mat", "read_mat", "amat"))
    if name == "read_mat":
        return Case(f"read_mat: {what}", lambda: read_mat(path, {"ff": (560, None)}, ("data", "s")))
    if name == "amat":
        for part in ("train", "valid", "test"):
            (folder / f"binarized_mnist_{part}.amat").write_bytes(odd.damaged(rng, b"0 1 0 1\n" * 784)[1])
        return Case("amat", lambda: load_binarized_mnist(path=folder))
    return Case(f"{name}: {what}", lambda: loaders[name](path=path))
