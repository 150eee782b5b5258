"""Plain English in the library and the recipes: docstrings, comments and identifiers. The rules are in prose.py."""

import ast
from pathlib import Path

import pytest

from prose import count_words, entries_of, faults_of, identifiers

ROOT = Path(__file__).parents[1]
SOURCES = [path for folder in ("rme_tf", "recipes") for path in sorted((ROOT / folder).rglob("*.py"))]

# Identifiers that stay: aliases of public names, and names that files have.
ALLOWED = frozenset(
    [
        "AmortisedComponents",
        "IterativeAmortised",
        "SemiAmortised",
        "amortised",
        "corpus.kept",
        "initialise",
        "nearest_neighbours",
        "semi_amortised",
    ]
)


def tree_of(path):
    return ast.parse(path.read_text(encoding="utf-8"))


CLASSES = {node.name: node for path in SOURCES for node in ast.walk(tree_of(path)) if isinstance(node, ast.ClassDef)}


def name_of(path):
    return path.relative_to(ROOT).as_posix()


def faults_in(path):
    return faults_of(path.read_text(encoding="utf-8"), CLASSES, ALLOWED, path.stem)


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_prose_is_plain(path):
    faults = [f"{name_of(path)}:{fault.line}: {fault.rule}: {fault.text}" for fault in faults_in(path)]
    assert not faults, "\n".join(faults)


def test_identifiers_that_stay_are_there():
    names = {name for path in SOURCES for _, name in [(1, path.stem), *identifiers(tree_of(path))]}
    assert {name.rpartition(".")[2] for name in ALLOWED} <= names


# The checker itself.

GOOD = [
    '"""The importance-weighted lower bound on log p(x), in nats."""',
    '"""Returns `a b c d e f g h i j k l m` [B, M, D, P, T] -> p(x | z, in nats) of one, two, three."""',
    'def f(x, seed):\n    """Returns x.\n\n    Args:\n        x: a batch.\n        seed: a seed.\n    """',
    'def f(x, y, z):\n    """Returns x."""',
    'def f(x, y, **z):\n    """F.\n\n    Args:\n        x, y: two tensors.\n        **z: more options.\n    """',
    'class A:\n    """A class.\n\n    Args:\n        x: a number.\n    """\n\n    x: int\n\n\n'
    'class B(A):\n    """A subclass.\n\n    Args:\n        x: a number.\n    """',
    'def f():\n    """Returns a report.\n\n    Raises:\n        ValueError: if x is negative.\n    """',
    'def _f():\n    """What a private function does may take a line of more than a dozen words of prose."""',
    'x = "behaviour"  # strings are data',
    "realistic_promise = 1  # the optimistic, wise advice: an exercise in precision",
    '"""Model of `AmortisedComponents`, a name of saved files."""',
    "amortised = 1",
]
BAD = [
    ("first line of more than", '"""One two three four five six seven eight nine ten eleven twelve thirteen."""'),
    ("first line of more than", 'class A:\n    def f(self):\n        """A b c d e f g h i j k l m."""'),
    ("first line that begins", '"""What the networks have in common."""'),
    ("first line that begins", 'class A:\n    """How a batch is made."""'),
    ("phrase", '"""The sum, unless given."""'),
    ("phrase", 'def _f():\n    """Returns the weights in\n    the first place, and those of z."""'),
    ("phrase", "x = 1  # what the loop wants"),
    ("fragment in Args", 'def f(x):\n    """Returns x.\n\n    Args:\n        x: those epochs.\n    """'),
    ("fragment in Args", 'def f(x):\n    """Returns x.\n\n    Args:\n        x: of the optimizer.\n    """'),
    ("fragment in Returns", 'def f(x):\n    """Returns x.\n\n    Returns:\n        its square root.\n    """'),
    ("less than two words", 'def f(x):\n    """Returns x.\n\n    Args:\n        x: M.\n    """'),
    ("less than two words", 'def f(x):\n    """Returns x.\n\n    Raises:\n        ValueError: sometimes.\n    """'),
    ("argument that", 'def f(x):\n    """Returns x.\n\n    Args:\n        y: a number.\n    """'),
    ("argument that", 'class A:\n    """A class.\n\n    Args:\n        y: a number.\n    """\n\n    x: int'),
    ("argument without", 'def f(x, y, *, z):\n    """Returns x.\n\n    Args:\n        x, y: two numbers.\n    """'),
    ("British spelling", '"""Normalises the colours."""'),
    ("British spelling", "x = 1  # of the neighbours"),
    ("British identifier", "centre_of_mass = 1"),
    ("British identifier", "def f(initialiser): ..."),
    ("British identifier", "class AmortisedThings: ..."),
    ("British identifier", "self.behaviour = 1"),
    ("identifier that names nothing", "def f(given): ..."),
    ("identifier that names nothing", "x = [each for each in y]"),
    ("identifier that names nothing", "def f():\n    for own, (other, kept) in x: ..."),
]


@pytest.mark.parametrize("source", GOOD, ids=map(str, range(len(GOOD))))
def test_the_checker_passes_plain_prose(source):
    assert not faults_of(source, allowed=ALLOWED)


@pytest.mark.parametrize(("rule", "source"), BAD, ids=map(str, range(len(BAD))))
def test_the_checker_sees_faults(rule, source):
    assert [fault.rule for fault in faults_of(source, allowed=ALLOWED) if fault.rule.startswith(rule)]


def test_the_checker_sees_the_name_of_a_module():
    assert faults_of("", module="behaviour")
    assert not faults_of("", module="behavior")


def test_the_checker_allows_a_name_everywhere_or_in_one_module():
    assert not faults_of("kept = 1", allowed={"kept"})
    assert not faults_of("kept = 1", allowed={"corpus.kept"}, module="corpus")
    assert faults_of("kept = 1", allowed={"corpus.kept"}, module="tokens")


def test_code_counts_as_one_word():
    assert count_words("Returns `a b c`, [B, M] -> f(x, y), 28 x 28: two - words.") == 7


def test_entries_are_read_with_their_continuation():
    docstring = "F.\n\nArgs:\n    x, y: one\n        two.\n    **z:\n        three.\n\nReturns:\n    A sum."
    expected = [("Args", ["x", "y"], "one two."), ("Args", ["**z"], "three."), ("Returns", [], "A sum.")]
    assert entries_of(docstring) == expected
