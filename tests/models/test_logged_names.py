"""Every name in a log is in the glossary, and every name there is logged."""

import re
from pathlib import Path

import keras
import pytest

from rme_tf import ELBO, CollapseMonitor, HalveOnPlateau, ResumableCheckpoint, algorithms
from rme_tf.callbacks.collapse_monitor import scalar_names

PAGE = Path(__file__).parents[2] / "docs" / "glossary.md"
INDEX = re.compile(r"_\d+")


def documented():
    """Names in the tables of the section on the log."""
    section = PAGE.read_text(encoding="utf-8").partition("## Names in the log")[2].partition("\n## ")[0]
    return set(re.findall(r"^\| `(\w+)` \|", section, flags=re.MULTILINE))


def general(name):
    """The name in the documents: without the prefix of validation, and with letters for indices."""
    indices = INDEX.findall(name)
    assert len(indices) <= 2
    return INDEX.sub("", name.removeprefix("val_")) + "_m_d"[: 2 * len(indices)]


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("num_components", [1, 2])
def test_every_logged_name_is_documented_and_no_other(tiny_model, binary_data, tmp_path, num_components):
    x, names = binary_data(8), set()
    for index, name in enumerate(sorted(algorithms.ALGORITHMS)):
        model = tiny_model(num_components)
        model.compile(keras.optimizers.SGD(0.01), algorithms.ALGORITHMS[name](warm_start_epochs=0))
        monitor = CollapseMonitor(x, warn=False, per_dimension=True)
        checkpoint = ResumableCheckpoint(model, tmp_path / name)
        callbacks = [monitor, HalveOnPlateau(0.01, 1, {}), checkpoint] if index == 0 else [checkpoint]
        history = model.fit(x, validation_data=(x,), verbose=0, callbacks=callbacks).history
        names |= {*history, *checkpoint.history}
    assert {general(name) for name in names} <= documented()
    if num_components > 1:
        assert {general(name) for name in names} == documented()


def test_the_names_of_many_components_are_documented(tiny_model):
    model = tiny_model(17)
    model.compile("sgd", ELBO())
    assert {general(name) for name in [*model.metrics_names, *scalar_names(17, 2)]} <= documented()
