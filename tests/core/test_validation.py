"""Checks of arguments: one form of message, in one module, for every count and number of the tables."""

import ast
import inspect
import math
import re

import numpy as np
import pytest

from rme_tf import algorithms, likelihoods, networks, posteriors, priors, refinements
from rme_tf.algorithms.kl_annealing import ANNEALINGS
from rme_tf.core import validation
from rme_tf.core.registry import argument_names
from rme_tf.generation.sequences import Generation
from test_architecture import PACKAGE, SOURCES, tree_of

VALIDATION = PACKAGE / "core" / "validation.py"
HAND_WRITTEN = re.compile(
    r"must (not )?be (None or )?(an? |of |sizes )*(at least|at most|positive|negative|integer|number|finite|odd)"
    r"|must (not )?be (None or )?(in [\[(]|from|one of|greater|less than|above|below)"
)
# Command lines are read before TensorFlow is imported; an error within a graph is no exception of Python; the others'
# messages name a method of a study, or a file.
OTHER_FORMS = {
    "command/parsers.py",
    "core/invalid_inputs.py",
    "experiments/recipes/growth.py",
    "experiments/recipes/tokenizers.py",
}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_no_other_module_words_a_check_of_numbers(path):
    name = path.relative_to(PACKAGE).as_posix()
    if path == VALIDATION or name in OTHER_FORMS:
        return
    docstrings = [
        node.body[0].value
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node)
    ]
    texts = {ast.dump(node) for node in docstrings}
    constants = [
        node for node in ast.walk(tree_of(path)) if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    wrong = [node.value for node in constants if HAND_WRITTEN.search(node.value) and ast.dump(node) not in texts]
    assert not wrong, "Use a check of core/validation.py."


@pytest.mark.parametrize("text", ["`x` must be at least 1", "must be an integer of", "must be None or in [0, 1)"])
def test_the_pattern_sees_hand_written_checks(text):
    assert HAND_WRITTEN.search(text)


# Every count and number of the tables.

EVENT = (4, 4, 1)
TABLES = {
    "algorithm": (algorithms.ALGORITHMS, {}),
    "annealing": (ANNEALINGS, {"steps": 4}),
    "decoder": (networks.DECODERS, {"latent_dim": 2, "output_shape": EVENT}),
    "encoder": (networks.ENCODERS, {"input_shape": EVENT, "output_size": 4}),
    "likelihood": (likelihoods.LIKELIHOODS, {"event_shape": EVENT}),
    "mixing": (posteriors.MIXINGS, {}),
    "posterior": (posteriors.POSTERIORS, {"latent_dim": 3}),
    "prior": (priors.PRIORS, {"latent_dim": 3}),
    "refinement": (refinements.REFINEMENTS, {}),
    "other": ({"aggressive": algorithms.Aggressive, "free_bits": algorithms.FreeBits, "generation": Generation}, {}),
}
NEEDED = {
    "categorical_sequence": {"event_shape": (5,), "vocabulary_size": 7},
    "conv1d": {"input_shape": (8, 1), "output_shape": (8, 1)},
    "free_bits": {"nats": 1.0},
    "lstm": {"vocabulary_size": 7, "features": 3, "input_shape": (4,), "output_shape": (4, 3)},
    "constant": {"vocabulary_size": 7},
}
ZERO = {"warm_start_epochs", "delay", "blocks", ("refinement", "steps")}  # counts that may be 0
REAL = {("annealing", "steps"), ("annealing", "delay"), ("annealing", "cycles")}  # in steps, but any number
OPTIONAL = {"components_per_step", "groups", "max_length", "polish_epoch", "top_k", "upper_dim", "clip_norm"}
OPTIONAL |= {"interval"}
OPTIONAL |= {("decoder", "units"), ("decoder", "embedding_size")}
NO_NUMBERS = {"output_size", "seed"}  # None leaves out a layer; seeds have a check of their own
WRONG_COUNTS = (-1, 2.5, 2.0, "3", True, math.nan, math.inf, [2])
WRONG_NUMBERS = ("3", True, math.nan, [0.5], 1j)


def parameters_of(build):
    """The parameters of a function or class, and of those that its keywords are passed on to."""
    kinds = (
        [build] if not inspect.isclass(build) else [kind.__init__ for kind in build.__mro__ if "__init__" in vars(kind)]
    )
    annotation = inspect.signature(build).return_annotation
    kinds += [annotation.__init__] if inspect.isclass(annotation) and annotation is not inspect.Signature.empty else []
    known = set(argument_names(build) or [])
    found = {}
    for kind in kinds:
        for name, parameter in inspect.signature(kind).parameters.items():
            if name in known:
                found.setdefault(name, parameter)
    return found


def kind_of(parameter):
    """Whether a parameter is a count, a number or sizes; None for other ones."""
    default, annotation = parameter.default, str(parameter.annotation)
    if isinstance(default, bool) or "bool" in annotation or "Callable" in annotation:
        return None
    if (
        isinstance(default, int)
        or "int" in annotation
        or (parameter.name in ("units", "embedding_size") and default is None)
    ):
        return "count"
    if isinstance(default, float) or "float" in annotation:
        return "number"
    return "sizes" if isinstance(default, tuple) and default and isinstance(default[0], int) else None


def arguments():
    for table, (entries, _) in TABLES.items():
        for entry, build in sorted(entries.items()):
            for name, parameter in parameters_of(build).items():
                kind = "number" if (table, name) in REAL else kind_of(parameter)
                if kind is not None and name not in NO_NUMBERS:
                    yield table, entry, name, kind


ARGUMENTS = list(arguments())


def build_with(table, entry, name, value):
    entries, sizes = TABLES[table]
    build = entries[entry]
    needed = {key: size for key, size in NEEDED.get(entry, {}).items() if key in parameters_of(build)}
    return build(**{**sizes, **needed, name: value})


def wrong_values(table, name, kind):
    optional = name in OPTIONAL or (table, name) in OPTIONAL
    none = [] if optional else [None]
    if kind == "count":
        zero = [] if name in ZERO or (table, name) in ZERO else [0]
        return [*WRONG_COUNTS, *zero, *none]
    if kind == "sizes":
        return [3, "3", (0,), (2.0,), (True,), [None], None]
    return [*WRONG_NUMBERS, *none]


@pytest.mark.parametrize(("table", "entry", "name", "kind"), ARGUMENTS, ids=lambda value: value)
def test_wrong_values_are_refused_in_one_form(table, entry, name, kind):
    for value in wrong_values(table, name, kind):
        with pytest.raises(ValueError, match=f"^`{name}` must be .+\\. Received: ") as error:
            build_with(table, entry, name, value)
        assert f"Received: {value!r}." in str(error.value)


def test_the_walk_sees_the_arguments():
    assert len(ARGUMENTS) > 100
    assert {table for table, *_ in ARGUMENTS} == set(TABLES)
    assert {kind for *_, kind in ARGUMENTS} == {"count", "number", "sizes"}


# The checks themselves.


@pytest.mark.parametrize("value", [1, 5, np.int32(3), np.int64(1)], ids=str)
def test_integers_of_every_kind_are_counts(value):
    checked = validation.check_count("n", value)
    assert checked == value
    assert type(checked) is int


def test_a_message_has_name_expectation_value_and_remedy():
    with pytest.raises(ValueError, match="^`n` must be an integer from 2 to 9. Received: 0. Take more.$"):
        validation.check_count("n", 0, 2, most=9, remedy="Take more.")


@pytest.mark.parametrize(
    ("bounds", "text", "valid", "wrong"),
    [
        ({}, "a finite number", [-1, 0.5, np.float32(2)], [math.inf]),
        ({"finite": False}, "a number", [math.inf], [math.nan]),
        ({"least": 0}, "a finite number of at least 0", [0, 1e9], [-1e-9]),
        ({"above": 0}, "a finite number above 0", [1e-9], [0]),
        ({"most": 1}, "a finite number of at most 1", [1, -5], [1.1]),
        ({"below": 1}, "a finite number below 1", [0.9], [1]),
        ({"least": 0, "below": 0.5}, r"a number in \[0, 0.5\)", [0, 0.49], [0.5, -0.1]),
        ({"above": 0, "most": 1}, r"a number in \(0, 1\]", [1, 0.1], [0, 1.1]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_bounds_of_a_number(bounds, text, valid, wrong):
    for value in valid:
        assert validation.check_number("x", value, **bounds) == value
    for value in wrong:
        with pytest.raises(ValueError, match=rf"^`x` must be {text}\. Received: {re.escape(repr(value))}\.$"):
            validation.check_number("x", value, **bounds)


def test_a_choice_is_listed_and_suggested():
    validation.check_choice("scale", "fixed", ("shared", "fixed"))
    with pytest.raises(ValueError, match="^`scale` must be one of 'shared', 'fixed'. Received: 'fixd'. Did you mean"):
        validation.check_choice("scale", "fixd", ("shared", "fixed"))


def test_sizes_may_have_to_have_entries():
    assert validation.check_sizes("units", [3, np.int64(4)]) == (3, 4)
    assert validation.check_sizes("units", ()) == ()
    with pytest.raises(
        ValueError, match="`units` must be a sequence of one or more integers of at least 1. Received: "
    ):
        validation.check_sizes("units", (), empty=False)
