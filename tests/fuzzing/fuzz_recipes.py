"""Malformed recipes: fields and options in Python, in YAML and as flags."""

import dataclasses
import functools

import yaml

import fuzz_values as odd
from fuzz import Case
from rme_tf import experiments
from rme_tf.command import program
from rme_tf.experiments.cli import from_yaml
from rme_tf.experiments.parts.fields import slots_of

KINDS = (
    *(experiments.ImageRecipe, experiments.TextRecipe, experiments.TableRecipe),
    *(experiments.StudyFields, experiments.EqualTimeFields, experiments.EstimatorFields),
)
DEFAULTS = {
    experiments.ImageRecipe: {"dataset": "digits"},
    experiments.TextRecipe: {"path": "lines.txt"},
    experiments.TableRecipe: {"table": "wine"},
}


@functools.cache
def names_of(kind) -> tuple[str, ...]:
    """Returns the fields of a dataclass, and the options of every choice, by dotted name."""
    names = [field.name for field in dataclasses.fields(kind)]
    for name, slot in slots_of(kind).items():
        for option in slot.all_options:
            names.append(f"{name}.{option}")
            inner = slot.inner(option)
            names += [f"{name}.{option}.{key}" for key in (inner.all_options if inner else ())]
    return tuple(names)


def start_of(kind):
    """Returns a valid instance of a dataclass."""
    fields = {field.name for field in dataclasses.fields(kind)}
    return kind(**{name: value for name, value in DEFAULTS.get(kind, {}).items() if name in fields})


def drawn(rng):
    """Returns a dataclass, a dotted name and a misspelled one at times."""
    kind = KINDS[rng.choice(len(KINDS), p=[0.4, 0.2, 0.2, 0.1, 0.05, 0.05])]
    name = odd.chosen(rng, names_of(kind))
    if rng.random() < 0.05:
        name = odd.chosen(rng, (f"{name}s", name.replace("_", "-"), f"{name}.x", "x", "", name.upper()))
    return kind, name


def consistent(recipe) -> str | None:
    """Returns what is wrong with a recipe that was taken."""
    if not isinstance(recipe, experiments.Recipe):
        return None
    config = yaml.safe_load(yaml.safe_dump(recipe.config))
    again = type(recipe).of_config(config)
    if again.identity != recipe.identity:
        return f"its configuration has another identity: {again.differences(recipe.config)}"
    return None


def _within(name: str, value):
    first, *keys = name.split(".")
    for key in reversed(keys):
        value = {key: value}
    return {first: value}


def in_python(rng, folder) -> Case:
    """A field or option of another value, in Python."""
    kind, name = drawn(rng)
    value = odd.any_value(rng)
    start = start_of(kind)

    def call():
        if slots_of(kind):
            return experiments.with_fields(start, {name: value})
        return dataclasses.replace(start, **{name: value})

    if not slots_of(kind) and name not in names_of(kind):  # of which Python says that it is unknown
        name = names_of(kind)[0]
    return Case(f"{kind.__name__}: {name} = {odd.short(value)}", call, consistent)


def _taken(call) -> bool:
    try:
        call()
    except ValueError:
        return False
    return True


def in_yaml(rng, folder) -> Case:
    """A field or option of another value, in YAML: taken there as in Python, except for words."""
    kind, name = drawn(rng)
    value = odd.chosen(rng, odd.PLAIN)
    path, start = folder / "recipe.yaml", start_of(kind)
    values = {name: value} if rng.random() < 0.5 else _within(name, value)
    path.write_text(yaml.safe_dump(values, allow_unicode=True), encoding="utf-8")
    has_words = any(isinstance(part, str) for part in _leaves(value))

    def check(recipe):
        wrong = consistent(recipe)
        if wrong is None and slots_of(kind) and not has_words:
            as_tuple = tuple(value) if isinstance(value, list) else value
            if not _taken(lambda: experiments.with_fields(start, {name: as_tuple})):
                return "YAML takes what Python refuses"
        return wrong

    return Case(f"{kind.__name__}: YAML {values!r}"[:200], lambda: from_yaml(path, start), check)


def _leaves(value):
    if isinstance(value, dict):
        return [leaf for pair in value.items() for part in pair for leaf in _leaves(part)]
    return [leaf for part in value for leaf in _leaves(part)] if isinstance(value, list) else [value]


def texts(rng, folder) -> Case:
    """A YAML file with other bytes."""
    kind = odd.chosen(rng, KINDS[:3])
    start, path = start_of(kind), folder / "recipe.yaml"
    content = yaml.safe_dump(start.config, sort_keys=False).encode()
    what, content = odd.damaged(rng, content)
    extra = (
        b"a: &a [*a]\n",
        b"!!python/name:os.getcwd",
        b"? [a]\n: 1",
        b"a: " + b"[" * 3000,
        b"- 1\n- 2",
        b"\xff\xfea",
    )
    if rng.random() < 0.2:
        what, content = "other YAML", odd.chosen(rng, extra)
    path.write_bytes(content)
    return Case(f"{kind.__name__}: YAML text, {what}", lambda: from_yaml(path, start), consistent)


def _words(rng) -> list[str]:
    name = drawn(rng)[1]
    value = odd.chosen(rng, [part for part in odd.PLAIN if not isinstance(part, dict)])
    flag = f"--{name.replace('_', '-')}"
    if isinstance(value, list):
        words = [flag, *map(str, value)]
    else:
        words = [f"{flag}={value}"] if rng.random() < 0.5 else [flag, str(value)]
    extra = (
        ["--"],
        ["-x"],
        ["--config"],
        ["--config", "none.yaml"],
        ["=", "x"],
        ["--no"],
        ["--seed", "1", "--seed"],
        ["\0"],
    )
    return words + (odd.chosen(rng, extra) if rng.random() < 0.2 else [])


def flags(rng, folder) -> Case:
    """Words of a script's command line."""
    kind = odd.chosen(rng, KINDS[:3])
    words = _words(rng)
    return Case(
        f"{kind.__name__}: flags {words}"[:200],
        lambda: experiments.parse(start_of(kind), args=list(words)),
        consistent,
        status=True,
    )


COMMANDS = ("train images", "train text", "train table", "resume", "evaluate", "sample", "export", "report", "compare")


def command(rng, folder) -> Case:
    """Words of the program `rme`, whose actions are not run."""
    words = odd.chosen(rng, (*COMMANDS, "datasets", "study")).split()
    if rng.random() < 0.1:
        words = [odd.chosen(rng, ("trian", "", "-", "--", "TRAIN", "\0", "é", "--help2"))]
    words += odd.chosen(rng, (["--path", "x"], ["--recipe", "digits"], ["runs/x"], [], ["--dataset", "digits"]))
    words += _words(rng)

    def call():
        before = program._call
        program._call = lambda *args, **options: None
        try:
            program.main(list(words))
        except SystemExit as error:
            if error.code not in (0, None):
                raise
        finally:
            program._call = before

    return Case(f"rme {words}"[:200], call, status=True)


__all__ = ["command", "flags", "in_python", "in_yaml", "texts"]
