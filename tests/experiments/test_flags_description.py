"""The committed description of flags is the one of the recipes and tables."""

import dataclasses
import itertools
import json
import re

import keras
import pytest

from rme_command import recipe_flags
from rme_command.descriptions import description as committed
from rme_tf.data import DATASETS
from rme_tf.experiments.commands.description import GROUPS, TARGET, as_text, description
from rme_tf.experiments.commands.kinds import KINDS
from rme_tf.experiments.parts.fields import option_paths

TESTED = "3.15."  # optimizers of other versions of Keras may have other arguments


@pytest.fixture(scope="module")
def described():
    return description()


def test_the_committed_description_is_up_to_date(described):
    if not keras.__version__.startswith(TESTED):
        pytest.skip(f"The description is of Keras {TESTED}x.")
    assert TARGET.read_text(encoding="utf-8") == as_text(described), "Run: make flags"


def test_the_text_has_the_whole_description(described):
    assert json.loads(as_text(described)) == described
    assert max(map(len, as_text(described).splitlines())) < 4_000


UNFLAGGED = {"made_from", "by_size"}  # which the library sets


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_field_and_option_is_described(kind, described):
    of_kind = described["kinds"][kind]
    names = [field.name for field in dataclasses.fields(KINDS[kind].recipe)]
    assert [field["name"] for field in of_kind["fields"]] == [name for name in names if name not in UNFLAGGED]
    assert {*names} > UNFLAGGED
    paths = {".".join(path) for path in option_paths(KINDS[kind].recipe.PARTS)}
    options = of_kind["options"]
    flags = {place: list(itertools.chain(*choices.values())) for place, choices in options.items()}
    named = {f"{place}.{flag['name']}" for place in options for flag in flags[place]}
    assert named == paths
    for name, slot in KINDS[kind].recipe.PARTS.items():
        assert set(options[name]) - {"none"} == set(slot.table)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_flag_has_a_text_and_a_group(kind, described):
    for field in described["kinds"][kind]["fields"]:
        assert field["group"] in GROUPS
        assert re.search(r"\w+ \w+", field["help"]), field["name"]


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_trackers_of_a_run_are_in_one_group(kind, described):
    groups = {field["name"]: field["group"] for field in described["kinds"][kind]["fields"]}
    assert groups["loggers"] == groups["tensorboard"] == groups["out"]


def test_the_groups_are_those_of_the_help():
    assert recipe_flags.GROUPS == GROUPS


def test_the_data_sets_are_all_of_them():
    images = committed()["data"]
    assert {row[0] for row in images["rows"]} == set(DATASETS)
    assert images["columns"] == ["name", "images", "train / validation / test", "license", "source"]
    assert all(len(row) == 5 and all(row) for row in images["rows"])
