"""English sentences from Python's built-in language reference, without a download."""

import functools
import random
import re

from rme_tf.data.text.corpus import Lines, TextSplits

_SEED = 0  # of the split
_FEWEST_WORDS, _MOST_WORDS = 5, 60

_MARKER = re.compile(r"(?:[*+-]|#\.|\(?(?:\d+|[a-z])[.)]|\[\d+\])\s+")  # of a list item or a footnote
_RULE = re.compile(r"\s*([^\w\s])\1{2,}\s*$")  # under a heading
_ROLE = re.compile(r":[a-z:+-]+:(?=`)")
_FOOTNOTE = re.compile(r"\s?\[\d+\]")
_QUOTED = re.compile(r"``([^`]*)``|`([^`]*)`|\*\*(\S[^*]*?)\*\*|\*(\S[^*]*?)\*|\|(\w[^|]*?)\||\"([^\"\s][^\"]*?)\"")
_END = re.compile(r"(?<=[.!?])['\")]*\s+(?=[\"(']?[A-Z])")
_ABBREVIATION = re.compile(r"(?:\b(?:e\.g|i\.e|etc|vs|cf|resp|[A-Z])\.)$")
# Typographic quotation marks, dashes, dots and spaces, with their ASCII forms.
_TYPOGRAPHY = str.maketrans(
    {
        "\u2018": "'",
        "\u2019": "'",
        "\u201c": '"',
        "\u201d": '"',
        "\u2013": "-",
        "\u2014": "-",
        "\u2026": "...",
        "\u00a0": " ",
    }
)
# The tokens of prose: words, numbers and punctuation marks.
_WORD = re.compile(
    r"""["'(]*(?:[A-Za-z]+(?:['/-][A-Za-z0-9]+)*|\d+(?:[.,]\d+)*(?:-[a-z]+|th|st|nd|rd)?%?|(?:[a-z]\.){2,})'?"""
    r"""["')]*[.,;:!?]?["')]*|-|\.\.\."""
)
_WHOLE = re.compile(r"[\"('A-Z].*[.!?][\"')]*")
_HISTORY = re.compile(r"^(?:Added|Changed|Deprecated|New) in version [\d.]+[:.]? ?|^(?:Note|See also): ")
_INNER_CAPITAL = re.compile(r"[a-z][A-Z]")  # an identifier


def load_docs():
    """Returns about 1,300 English sentences of plain prose, for examples and tests.

    The sentences have 16 words on average. They come from `pydoc_data.topics`, so they differ a little between
    versions of Python.

    Returns:
        splits: `TextSplits` in the ratio 80 / 10 / 10.
    """
    order = list(_prose())
    random.Random(_SEED).shuffle(order)
    tenth = len(order) // 10
    parts = order[2 * tenth :], order[:tenth], order[tenth : 2 * tenth]
    names = (f"Python's documentation ({split})" for split in TextSplits._fields)
    return TextSplits(*(Lines(part, name=name) for part, name in zip(parts, names, strict=True)))


@functools.cache
def _prose() -> tuple[str, ...]:
    """Returns the distinct sentences in alphabetical order; the search is slow and cached."""
    from pydoc_data.topics import topics

    return tuple(sorted({sentence for page in topics.values() for sentence in _sentences(page)}))


def _sentences(text):
    """Yields the prose sentences of a page."""
    for paragraph in _paragraphs(text):
        text = _FOOTNOTE.sub("", _ROLE.sub("", paragraph))
        text = _HISTORY.sub("", text)
        text = _QUOTED.sub(lambda match: next(filter(None, match.groups()), ""), text)
        for sentence in _cut(" ".join(text.translate(_TYPOGRAPHY).split())):
            if _is_prose(sentence):
                yield sentence


def _paragraphs(text):
    """Yields the paragraphs of a page, each as one line; a list item or a change of indentation starts a new one."""
    block: list[str] = []
    indent = 0
    for line in [*text.splitlines(), ""]:
        body = line.strip()
        marker = _MARKER.match(body)
        if not body or marker or len(line) - len(line.lstrip()) != indent or _RULE.match(line):
            yield from _joined(block)
            block = []
        if _RULE.match(line) or not body:
            continue
        text_of_item = body[marker.end() :] if marker else body
        indent = line.index(body) + len(body) - len(text_of_item)
        block.append(text_of_item)
    yield from _joined(block)


def _joined(block):
    """Yields the lines of a block joined to a paragraph, unless the block is empty."""
    if block:
        yield re.sub(r"(?<=[a-z]-) (?=[a-z])", "", " ".join(block))


def _cut(text):
    """Yields the sentences of a paragraph."""
    start = 0
    for match in _END.finditer(text):
        if not _ABBREVIATION.search(text[start : match.start()]):
            yield text[start : match.end()].strip()
            start = match.end()
    yield text[start:].strip()


def _is_prose(sentence):
    """Returns whether a sentence is complete and has plain words only, without identifiers or code."""
    return (
        _FEWEST_WORDS <= len(sentence.split()) <= _MOST_WORDS
        and all(_WORD.fullmatch(word) for word in sentence.split())
        and _WHOLE.fullmatch(sentence) is not None
        and _INNER_CAPITAL.search(sentence) is None
        and sentence.count("(") == sentence.count(")")
        and sentence.count('"') % 2 == 0
    )
