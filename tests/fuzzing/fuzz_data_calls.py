"""Valid arguments of public functions of data, text, tables and recipes."""

import numpy as np

import rme_tf.data as sets
from public_calls import X, once
from rme_tf import experiments
from rme_tf.data import tables, text

IMAGES = np.random.default_rng(0).integers(0, 256, (12, 4, 4, 1), np.uint8)
LINES = ["the cat sat", "a dog ran", "the cat ran", "a dog sat on the mat"] * 3


def tokenizer():
    return once("tokenizer", lambda: text.train_tokenizer(LINES, kind="word", vocabulary_size=12))


def tokens():
    return once("tokens", lambda: text.tokenize(LINES, tokenizer()))


def frame():
    import pandas

    rng = np.random.default_rng(0)
    columns = {
        "a": rng.normal(size=30),
        "b": rng.integers(0, 5, 30),
        "c": np.array(list("xyz"))[rng.integers(0, 3, 30)],
    }
    return pandas.DataFrame(columns)


def _first(dataset):
    return next(iter(dataset))


# Entry point -> (callable, valid arguments). Arguments that are functions without arguments are made when used.
OF_DATA = {
    "Part": (experiments.Part, {"name": "elbo", "num_samples": 2}),
    "with_fields": (experiments.with_fields, {"recipe": lambda: experiments.ImageRecipe(), "fields": {"epochs": 2}}),
    "encode_table": (
        tables.encode_table,
        {
            "frame": frame,
            "kinds": {"a": "real"},
            "ignored": (),
            "label": "c",
            "split": None,
            "validation": 0.1,
            "test": 0.1,
            "unknown": "error",
            "seed": 0,
        },
    ),
    "split_rows": (tables.split_rows, {"frame": frame, "validation": 0.1, "test": 0.1, "seed": 0}),
    "split_by_column": (tables.split_by_column, {"frame": frame, "column": "c", "validation": 0.1, "seed": 0}),
    "infer_kind": (tables.infer_kind, {"values": lambda: frame()["a"], "name": "a"}),
    "load_embedded": (tables.load_embedded, {"name": "wine"}),
    "tables.training_dataset": (
        lambda **options: _first(tables.training_dataset(**options)),
        {"x": X, "batch_size": 2, "seed": 0, "first_epoch": 0, "repeat": True},
    ),
    "train_tokenizer": (
        text.train_tokenizer,
        {
            "lines": LINES,
            "kind": "word",
            "vocabulary_size": 12,
            "lowercase": False,
            "coverage": 0.9995,
            "limit": None,
            "seed": 0,
        },
    ),
    "tokenize": (text.tokenize, {"lines": LINES, "tokenizer": tokenizer, "max_length": None, "directory": None}),
    "Lines": (
        lambda **options: list(text.Lines(**options)),
        {"source": LINES, "max_bytes": 1000, "name": None, "labeled": False},
    ),
    "Tokenizer": (text.Tokenizer, {"model": lambda: tokenizer().model}),
    "Tokenizer.encode": (lambda **options: tokenizer().encode(**options), {"lines": LINES}),
    "Tokenizer.decode": (lambda **options: tokenizer().decode(**options), {"ids": [[4, 5, 2]]}),
    "Tokenizer.unknown_characters": (lambda **options: tokenizer().unknown_characters(**options), {"lines": LINES}),
    "text.training_dataset": (
        lambda **options: _first(text.training_dataset(**options)),
        {"tokens": tokens, "batch_size": 2, "seed": 0, "first_epoch": 0, "pad_multiple": 4, "pool": 10},
    ),
    "text.evaluation_dataset": (
        lambda **options: _first(text.evaluation_dataset(**options)),
        {"tokens": tokens, "batch_size": 2, "limit": None, "pad_multiple": 4},
    ),
    "sample_rows": (text.sample_rows, {"tokens": tokens, "num_rows": 2, "seed": 0}),
    "sample_order": (text.sample_order, {"tokens": tokens, "num_rows": 2, "seed": 0}),
    "text.steps_per_epoch": (text.steps_per_epoch, {"tokens": tokens, "batch_size": 2}),
    "integer_lines": (text.integer_lines, {"rows": [[1, 2], [3]]}),
    "integer_rows": (text.integer_rows, {"lines": ["1 2", "3"], "unknown": -1}),
    "integer_tokenizer": (text.integer_tokenizer, {"lines": ["1 2", "3 1"] * 4, "vocabulary_size": None}),
    "binarize": (sets.binarize, {"images": IMAGES, "seed": 0}),
    "evaluation_array": (sets.evaluation_array, {"images": IMAGES, "binarization": "dynamic", "seed": 0}),
    "evaluation_dataset": (lambda **options: _first(sets.evaluation_dataset(**options)), {"array": X, "batch_size": 2}),
    "evaluation_rows": (
        sets.evaluation_rows,
        {"images": IMAGES, "indices": [0, 1], "binarization": "dynamic", "seed": 0},
    ),
    "given_options": (sets.given_options, {"name": "folder", "size": 4}),
    "held_out_dataset": (
        lambda **options: _first(sets.held_out_dataset(**options)),
        {"images": IMAGES, "batch_size": 2, "binarization": "dynamic", "seed": 0, "seen": None},
    ),
    "load": (
        lambda **options: _first(sets.load(**options)),
        {
            "name": "digits",
            "split": "test",
            "batch_size": 2,
            "binarization": "dynamic",
            "seed": 0,
            "data_dir": None,
            "download": False,
            "limit": 4,
            "path": None,
            "size": None,
            "channels": None,
            "bits": None,
        },
    ),
    "load_images": (
        sets.load_images,
        {
            "name": "digits",
            "data_dir": None,
            "download": False,
            "train_size": 4,
            "test_size": 4,
            "path": None,
            "size": None,
            "channels": None,
            "bits": None,
        },
    ),
    "load_digits": (sets.load_digits, {"data_dir": None, "download": False}),
    "reshuffled_dataset": (
        lambda **options: _first(sets.reshuffled_dataset(**options)),
        {"images": IMAGES, "batch_size": 2, "binarization": "dynamic", "seed": 0, "drop_remainder": False},
    ),
    "seen_pixels": (sets.seen_pixels, {"name": "block", "num_images": 3, "image_shape": (4, 4, 1), "seed": 0}),
    "steps_per_epoch": (sets.steps_per_epoch, {"num_images": 10, "batch_size": 3, "drop_remainder": True}),
    "training_dataset": (
        lambda **options: _first(sets.training_dataset(**options)),
        {
            "images": IMAGES,
            "batch_size": 2,
            "binarization": "dynamic",
            "seed": 0,
            "first_epoch": 0,
            "drop_remainder": True,
            "seen": None,
        },
    ),
}
