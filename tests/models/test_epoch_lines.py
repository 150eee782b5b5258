"""The console of a training: one readable line an epoch, and the phase in it."""

import re

import keras
import pytest

from rme_tf import ELBO, Aggressive, CollapseMonitor, LinearAnnealing, RecursiveMixture, StopAggressive
from rme_tf.models.phases import phase_of

NUMBER = r"-?\d+\.\d+"


def printed(capsys, model, x, **options):
    """Lines on the console of a training, and its history."""
    capsys.readouterr()
    history = model.fit(x, batch_size=8, **options).history
    return capsys.readouterr().out.splitlines(), history


@pytest.fixture
def compiled(tiny_model, eagerly):
    """Builder of a compiled model of M components."""

    def build(num_components, algorithm):
        model = tiny_model(num_components)
        model.compile(keras.optimizers.SGD(0.01), algorithm)
        return model

    return build


@pytest.mark.slow
def test_an_epoch_is_one_line_with_its_phase(compiled, binary_data, capsys):
    model, x = compiled(3, RecursiveMixture(warm_start_epochs=1, polish_epoch=2)), binary_data(16)
    lines, history = printed(capsys, model, x, epochs=3, validation_data=(x,), verbose=2)
    phases = ["warm start, component 0 of 3", "recursion, 3 components", "polish, 3 components"]
    assert len(lines) == 3
    for epoch, (line, phase) in enumerate(zip(lines, phases, strict=True)):
        names = ("elbo", "reconstruction", "kl", "validation elbo")
        values = " \\| ".join(f"{name} ({NUMBER})" for name in names)
        match = re.fullmatch(rf"Epoch {epoch + 1}/3 \| {values} \| {NUMBER} s \| {phase}", line)
        assert match, line
        for name, text in zip(("elbo", "reconstruction", "kl", "val_elbo"), match.groups(), strict=True):
            assert float(text) == pytest.approx(history[name][epoch], abs=0.006)
    assert {"elbo_2", "alpha_0", "val_elbo_1"} <= set(history)


@pytest.mark.slow
def test_a_progress_bar_has_the_same_numbers(compiled, binary_data, capsys):
    model, x = compiled(3, RecursiveMixture(warm_start_epochs=1)), binary_data(16)
    capsys.readouterr()
    model.fit(x, epochs=2, batch_size=8, validation_data=(x,), verbose=1)
    output = capsys.readouterr().out
    assert "Epoch 1/2: warm start, component 0 of 3" in output
    assert "Epoch 2/2: recursion, 3 components" in output
    assert "2/2" in output
    names = set(re.findall(r" - (\w+):", output))
    assert names == {"elbo", "reconstruction", "kl", "val_elbo"}


def test_an_evaluation_is_one_line(compiled, binary_data, capsys):
    model, x = compiled(2, ELBO()), binary_data(8)
    result = model.evaluate(x, verbose=2, return_dict=True)
    (line,) = capsys.readouterr().out.splitlines()
    assert re.fullmatch(rf"Evaluation \| elbo {NUMBER} \| reconstruction {NUMBER} \| kl {NUMBER} \| {NUMBER} s", line)
    assert f"elbo {result['elbo']:.2f}" in line
    model.evaluate(x, verbose=1)
    assert set(re.findall(r" - (\w+):", capsys.readouterr().out)) == {"elbo", "reconstruction", "kl"}


def test_silence_stays_silent(compiled, binary_data, capsys):
    model, x = compiled(2, ELBO()), binary_data(8)
    assert printed(capsys, model, x, verbose=0)[0] == []
    model.evaluate(x, verbose=0)
    assert capsys.readouterr().out == ""


def test_other_logs_are_shown_and_the_library_s_are_not(compiled, binary_data, capsys):
    model, x = compiled(2, ELBO()), binary_data(8)
    monitor = CollapseMonitor(x, warn=False, per_dimension=True)
    distance = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update(fid=32.126))
    (line,), history = printed(capsys, model, x, verbose=2, callbacks=[monitor, distance])
    assert re.search(r"\| fid 32\.1 \|", line)
    assert {"mi", "usage_0", "kl_per_dimension_1_0"} <= set(history)
    assert not re.search(r"mi |usage|loss|alpha|dimension", line)


def test_a_progress_logger_of_the_user_stays(compiled, binary_data, capsys):
    model, x = compiled(2, ELBO()), binary_data(8)
    lines, _ = printed(capsys, model, x, verbose=2, callbacks=[keras.callbacks.ProgbarLogger()])
    assert any("alpha_0:" in line for line in lines)
    assert not any("| elbo" in line for line in lines)


def test_lines_follow_keras_to_the_log(compiled, binary_data, capsys):
    model, x = compiled(1, ELBO()), binary_data(8)
    keras.config.disable_interactive_logging()
    try:
        assert printed(capsys, model, x, verbose=2)[0] == []
    finally:
        keras.config.enable_interactive_logging()
    (line,), _ = printed(capsys, model, x, verbose=2)
    assert line.startswith("Epoch 1/1 | elbo")


@pytest.mark.slow
def test_a_rising_kl_weight_and_aggressive_training_are_phases(compiled, binary_data):
    """4 steps of the schedule, 2 an epoch, and a diagnostic that never rises."""
    model, x = compiled(2, ELBO(kl_weight=LinearAnnealing(steps=4), aggressive=Aggressive())), binary_data(16)
    phases = []
    note = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: phases.append(phase_of(model)))
    level = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update(level=1.0))
    callbacks = [note, level, StopAggressive("level")]
    model.fit(x, epochs=3, batch_size=8, verbose=0, callbacks=callbacks)
    assert phases == ["2 components, KL weight 0.50, aggressive", "2 components, aggressive", "2 components"]


def test_one_component_has_no_phase(compiled):
    assert phase_of(compiled(1, RecursiveMixture())) == ""
