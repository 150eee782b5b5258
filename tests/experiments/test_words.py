"""Truth values, None and unknown names on command lines, in YAML and in sweeps."""

import dataclasses

import pytest

from rme_tf.experiments import ImageRecipe, Part, method_recipes, parse
from rme_tf.experiments.cli import from_yaml

RECIPE = ImageRecipe(algorithm=Part(free_bits=0.5), optimizer=Part(clipnorm=1.0), train_size=9)
SPELLINGS = {True: ("true", "Yes"), False: ("False", "off"), None: ("None", "null")}
OFF_AND_ON = {
    "algorithm.free_bits": (None, {"nats": 0.5, "groups": None}),
    "algorithm.aggressive": (None, {"window": 10, "max_steps": 100}),
    "smoke": (False, True),
    "optimizer.amsgrad": (False, True),
}


@pytest.fixture
def read(tmp_path):
    def of(text):
        (tmp_path / "some.yaml").write_text(text, encoding="utf-8")
        return from_yaml(tmp_path / "some.yaml", RECIPE)

    return of


def read_from(name, word, read):
    """Values of a field or option, from both forms of a flag and from a line of YAML."""
    flag = f"--{name.replace('_', '-')}"
    recipes = [parse(RECIPE, args=[flag, word]), parse(RECIPE, args=[f"{flag}={word}"]), read(f"{name}: {word}")]
    return [recipe.option(name) for recipe in recipes]


@pytest.mark.parametrize("name", ["algorithm.free_bits", "algorithm.aggressive", "smoke", "optimizer.amsgrad"])
@pytest.mark.parametrize("word", [*SPELLINGS[True], *SPELLINGS[False]])
def test_a_truth_value_is_the_same_on_command_lines_and_in_yaml(word, name, read):
    assert read_from(name, word, read) == [OFF_AND_ON[name][word in SPELLINGS[True]]] * 3


@pytest.mark.parametrize("name", ["algorithm.free_bits", "algorithm.aggressive", "train_size", "optimizer.clipnorm"])
@pytest.mark.parametrize("word", SPELLINGS[None])
def test_none_is_the_same_on_command_lines_and_in_yaml(word, name, read):
    assert read_from(name, word, read) == [None] * 3


@pytest.mark.parametrize("word", ["true", "True"])
def test_a_sweep_reads_the_same_words(word):
    (name,) = method_recipes([f"rme[aggressive={word}]"], ImageRecipe, ImageRecipe())
    assert name == "rme[aggressive=True]"


def test_free_bits_without_a_number_are_refused_with_the_remedy(capsys):
    with pytest.raises(SystemExit):
        parse(ImageRecipe(), args=["--algorithm.free-bits", "true"])
    assert "needs `nats`" in (text := capsys.readouterr().err)
    assert "A number in place of the choice sets it." in text


@pytest.mark.parametrize(
    ("flag", "meant"),
    [
        ("--kl-bond", "--algorithm.kl-bound"),
        ("--kl_bond=3", "--algorithm.kl-bound"),
        ("--algoritm", "--algorithm"),
        ("--no-smok", "--no-smoke"),
        ("--latent-dimm", "--latent-dim"),
    ],
)
def test_an_unknown_flag_is_refused_with_the_nearest_one(flag, meant, capsys):
    with pytest.raises(SystemExit) as stop:
        parse(ImageRecipe(), args=["--components", "2", flag])
    assert stop.value.code == 2
    text = capsys.readouterr().err
    assert f"Did you mean {meant!r}?" in text
    assert f"Unknown flag. Expected one of: {meant}" in text
    assert f"Received: {flag.partition('=')[0]!r}." in text


def test_an_unknown_flag_unlike_any_is_refused_with_all_names(capsys):
    @dataclasses.dataclass(frozen=True)
    class Options:
        """Options of a program."""

        seeds: int = 1
        quick: bool = False

    with pytest.raises(SystemExit):
        parse(Options(), args=["--zzz", "3"])
    assert "Unknown flag. Expected one of: --seeds, --quick. Received: '--zzz'.\n" in capsys.readouterr().err
    assert parse(Options(), args=["--quick", "yes", "--seeds=2"]) == Options(seeds=2, quick=True)


def test_help_shows_the_fields_of_a_recipe_before_those_of_keras(capsys):
    with pytest.raises(SystemExit):
        parse(ImageRecipe(), args=["--help"])
    text = capsys.readouterr().out
    flags = [word.rstrip(",") for word in text.split() if word.startswith("--")]
    optimizer = [flag for flag in flags if flag.startswith("--optimizer.")]
    assert flags[-len(optimizer) :] == optimizer
    assert optimizer[:3] == ["--optimizer.name", "--optimizer.learning-rate", "--optimizer.weight-decay"]
    assert "learning rate, at the start of its schedule" in text
    assert "Defaults to" not in text
