"""Options of every choice in the tables, from YAML and flags, and entries that tables get."""

import dataclasses
import typing

import pytest
import yaml

from built import kind_of
from rme_tf.algorithms import ALGORITHMS, ELBO, Algorithm
from rme_tf.algorithms.capabilities import ARGUMENTS
from rme_tf.experiments import ImageRecipe, Part, TextRecipe, parse, with_fields
from rme_tf.experiments.cli import from_yaml
from rme_tf.experiments.parts.fields import choice_at, option_paths, unconditional
from rme_tf.experiments.parts.options import REQUIRED
from rme_tf.experiments.recipes import factories
from rme_tf.experiments.recipes.flat_form import FLAT
from rme_tf.posteriors import POSTERIORS, DiagNormal

CHOICES = [
    (kind, field, name)
    for kind in (ImageRecipe, TextRecipe)
    for field, slot in kind.PARTS.items()
    for name in sorted(slot.table)
    if kind is ImageRecipe or kind.PARTS[field] is not ImageRecipe.PARTS[field]
]
# Other values than the defaults where a number near the default is none.
VALUES = {"polish_epoch": 7, "gradient_accumulation_steps": 2, "upper_dim": 3, "ema_overwrite_frequency": 2}
NEEDED = {"weights_from_polish": {"polish_epoch": 7}}
EXCLUSIVE = {"clipnorm", "clipvalue"}  # one of three for Keras


def other_value(option):
    """A value of the option that is not its default; of a string the default, as others may not exist."""
    kinds = typing.get_args(option.hint) or (option.hint,)
    if option.name in VALUES:
        return VALUES[option.name]
    if option.default is REQUIRED or option.default is None:
        return 0.5 if float in kinds else 1
    if isinstance(option.default, bool):
        return not option.default
    if isinstance(option.default, int):
        return option.default + 1
    if isinstance(option.default, float):
        return 0.5 * option.default + 0.01
    return (3, 5) if isinstance(option.default, tuple) else option.default


def values_of(slot, name):
    """Values of all plain options of a choice, and of those of the choices within it, by dotted name."""
    values: dict = {}
    honors = getattr(slot.table[name], "honors", None)
    for key, option in slot.options(name).items():
        if honors is not None and key in ARGUMENTS and key not in honors:
            continue  # another value than the default is refused
        inner = slot.inner(key)
        if inner is None:
            values[key] = other_value(option)
        elif key in (honors or ()) and inner.is_switch:
            only = next(iter(inner.table))
            values |= {f"{key}.{part}": value for part, value in values_of(inner, only).items() if part != "groups"}
    return values


def base_of(kind, field, name):
    """A recipe that goes with the choice."""
    around = {"refinement": {"algorithm": "elbo"}}.get(field, {})
    if kind is ImageRecipe and field == "likelihood" and name != "bernoulli":
        around = {"binarization": "none", "likelihood": name}
    return with_fields(kind(), around)


@pytest.mark.parametrize(("kind", "field", "name"), CHOICES)
def test_every_option_of_a_choice_is_a_line_of_yaml(kind, field, name, tmp_path):
    path, base = tmp_path / "recipe.yaml", base_of(kind, field, name)
    for key, value in values_of(kind.PARTS[field], name).items():
        nested = list(value) if isinstance(value, tuple) else value
        for part in reversed(key.split(".")):
            nested = {part: nested}
        path.write_text(yaml.safe_dump({field: {"name": name, **NEEDED.get(key, {}), **nested}}), encoding="utf-8")
        recipe = from_yaml(path, base)
        assert getattr(recipe, field).name == name
        assert recipe.option(f"{field}.{key}") == (list(value) if isinstance(value, tuple) else value)
        assert kind.of_config(recipe.config) == recipe


@pytest.mark.parametrize(("kind", "field", "name"), CHOICES)
def test_every_option_of_a_choice_is_a_flag(kind, field, name):
    values = {key: value for key, value in values_of(kind.PARTS[field], name).items() if key not in EXCLUSIVE}
    words = [f"--{field}", name]
    for key, value in values.items():
        *outer, last = f"{field}.{key}".replace("_", "-").split(".")
        if isinstance(value, bool):
            words.append(f"--{'.'.join([*outer, last if value else f'no-{last}'])}")
        else:
            several = value if isinstance(value, tuple) else (value,)
            words += [f"--{'.'.join([*outer, last])}", *map(str, several)]
    recipe = parse(base_of(kind, field, name), args=words)
    for key, value in values.items():
        assert recipe.option(f"{field}.{key}") == (list(value) if isinstance(value, tuple) else value), key


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tilted(Algorithm):
    """An algorithm of one option."""

    honors = frozenset({"num_samples"})  # no warm start, which recipes have by default

    tilt: float = 0.5


class Wide(DiagNormal):
    """A family of one option."""

    def __init__(self, latent_dim: int, width: int = 2, **kwargs):
        super().__init__(latent_dim, **kwargs)
        self.width = width


def long_encoder(input_shape, output_size, layers: tuple[int, ...] = (4,), name=None):
    """An encoder of one option."""


def test_a_new_entry_of_a_table_has_its_options_in_recipes(monkeypatch, tmp_path):
    monkeypatch.setitem(ALGORITHMS, "tilted", Tilted)
    monkeypatch.setitem(POSTERIORS, "wide", Wide)
    monkeypatch.setitem(ImageRecipe.PARTS["encoder"].table, "long", long_encoder)
    words = "--algorithm tilted --algorithm.tilt 0.25 --posterior wide --posterior.width 7 --encoder long"
    recipe = parse(ImageRecipe(), args=[*words.split(), "--encoder.layers", "1,2"])
    assert factories.make_algorithm(recipe) == Tilted(tilt=0.25)
    assert factories.make_posterior(recipe).width == 7
    assert factories.encoder_options(recipe) == {"layers": (1, 2)}
    path = tmp_path / "recipe.yaml"
    parts = {"algorithm": {"name": "tilted", "tilt": 0.25}, "posterior": {"name": "wide", "width": 7}}
    path.write_text(yaml.safe_dump({**parts, "encoder": {"name": "long", "layers": [1, 2]}}), encoding="utf-8")
    assert from_yaml(path, ImageRecipe()) == recipe
    assert with_fields(ImageRecipe(algorithm="tilted"), {"tilt": 0.125}).option("algorithm.tilt") == 0.125
    with pytest.raises(ValueError, match="Unknown options of the algorithm 'tilted'.*'tilt'.*Received: .'tilr'"):
        ImageRecipe(algorithm=Part("tilted", tilr=0.25))


def test_the_names_of_earlier_versions_lead_to_options():
    places = {**TextRecipe.PARTS, **ImageRecipe.PARTS}
    paths = {*option_paths(places), *option_paths(TextRecipe.PARTS)}
    for name, targets in FLAT.items():
        for target in map(unconditional, targets):
            assert target in paths or choice_at(ImageRecipe, target) is not None, name


def test_a_study_sets_options_of_choices_that_its_methods_make():
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Study(ImageRecipe):
        """Recipe of several methods."""

        SEVERAL: typing.ClassVar[bool] = True

    study = parse(Study(), args=["--algorithm.kl-weight.steps", "40", "--refinement.steps", "3"])
    refined = with_fields(study, {"algorithm": "elbo", "refinement": "sa", "algorithm.kl_weight": "linear"})
    assert refined.option("refinement.steps") == 3
    assert factories.make_algorithm(refined).kl_weight.steps == 40
    assert factories.make_algorithm(with_fields(study, {"algorithm": "elbo"})) == ELBO(warm_start_epochs=3)
    with pytest.raises(SystemExit):
        parse(ImageRecipe(), args=["--refinement.steps", "3"])
    with pytest.raises(SystemExit):
        parse(Study(), args=["--refinement.stpes", "3"])


def test_the_kind_of_a_record_is_that_of_its_data():
    assert kind_of(TextRecipe().identity) is TextRecipe
    assert kind_of(ImageRecipe().identity) is ImageRecipe
