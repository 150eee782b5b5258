"""Lines before the compilations of a training."""

import types

from rme_tf.experiments.runs.compilation_lines import CompilationLines


def test_a_line_precedes_the_first_step_of_each_phase(capsys):
    lines = CompilationLines()
    for epoch, (components, phase) in enumerate([(1, 0), (1, 0), (5, 0), (5, 0), (5, 1)]):
        lines.set_model(types.SimpleNamespace(active_components=components, phase=phase))
        lines.on_epoch_begin(epoch)
        print(epoch)
    printed = capsys.readouterr().out.splitlines()
    assert [line if line.isdigit() else line.split(",")[0] for line in printed] == [
        "Compiling the training step of 1 component",
        *"01",
        "Compiling the training step of 5 components",
        *"23",
        "Compiling the training step of 5 components",
        "4",
    ]
