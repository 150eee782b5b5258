"""Small runs of images and sentences whose pages are looked at, and the structure of a page."""

import collections
import html.parser
import re
import warnings

import pytest
import tensorflow as tf

from rme_tf import experiments
from rme_tf.experiments.pages import write_page
from rme_tf.experiments.runs import runner
from small_recipes import image_recipe, text_recipe

VOID = {"br", "hr", "img", "input", "link", "meta", "wbr"}
WORDS = ("cat", "dog", "<b>", "</b>", "&amp;", "sat", "ran", "the", '"', "mat")


class Structure(html.parser.HTMLParser):
    """Tags, attributes and texts of a page; `faults` are tags that are not closed in order."""

    def __init__(self, page: str):
        super().__init__()
        self.faults: list[str] = []
        self.tags: dict[str, list[dict]] = collections.defaultdict(list)
        self.open: list[str] = []
        self.texts: list[str] = []
        self.first_child: list[tuple[str, str]] = []  # (svg, its first child)
        self.feed(page)
        self.close()
        self.faults += [f"<{tag}> is not closed" for tag in self.open]

    def handle_starttag(self, tag, attrs):
        if self.open and self.open[-1] == "svg" and len(self.first_child) < len(self.tags["svg"]):
            self.first_child.append(("svg", tag))
        self.tags[tag].append(dict(attrs))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags[tag].append(dict(attrs))

    def handle_endtag(self, tag):
        if not self.open or self.open[-1] != tag:
            self.faults.append(f"</{tag}> closes {self.open[-1:]}, line {self.getpos()[0]}")
        else:
            self.open.pop()

    def handle_data(self, data):
        self.texts.append(data)

    @property
    def text(self) -> str:
        """All texts, with single spaces."""
        return " ".join(" ".join(self.texts).split())

    @property
    def sections(self) -> list[str]:
        """Names of the sections, in their order."""
        return [section["id"] for section in self.tags["section"]]

    @property
    def references(self) -> list[str]:
        """Addresses in attributes and styles."""
        named = [
            value for tags in self.tags.values() for tag in tags for name, value in tag.items() if name in REFERRING
        ]
        return named + re.findall(r"url\(([^)]*)\)", self.text)


REFERRING = ("src", "href", "srcset", "data", "xlink:href", "action", "poster")


def run_with_page(recipe):
    """Returns a finished run whose page is written by the runner; op by op, which is faster for a few steps."""
    tf.config.run_functions_eagerly(True)
    try:
        with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # a tiny model is said to collapse
            patch.setattr(runner, "write_page", write_page)
            return experiments.run(recipe)
    finally:
        tf.config.run_functions_eagerly(False)


def image_run(folder, **fields):
    """Returns a run of digits: two components and two latent dimensions."""
    sizes = {"train_size": 64, "test_size": 24, "batch_size": 32, "importance_samples": 8, "epochs": 5}
    networks = {"encoder": "mlp", "decoder": "mlp", "mlp_units": (8,), "latent_dim": 2, "components": 2}
    choices = {"dataset": "digits", "binarization": "threshold", "warm_start_epochs": 1, "diagnosed": 20}
    return run_with_page(image_recipe(**{**sizes, **networks, **choices, "out": str(folder), **fields}))


def text_run(folder, corpus, **fields):
    """Returns a run on sentences with characters that are special in HTML, in files of the folder `corpus`."""
    corpus.mkdir()
    lines = [" ".join(WORDS[(index * step + step) % 10] for step in range(1, 7)) for index in range(60)]
    for name, start, end in (("train", 0, 32), ("validation", 32, 40), ("test", 40, 60)):
        (corpus / f"{name}.txt").write_text("\n".join(lines[start:end]), encoding="utf-8")
    sizes = {"units": 4, "embedding_size": 4, "max_length": 8, "latent_dim": 3, "components": 2, "smoke": True}
    places = {"corpus": str(corpus), "out": str(folder), "data_dir": None, "vocabulary_size": 14}
    return run_with_page(text_recipe(**{**sizes, **places, "tokenizer": "whitespace", **fields}))
