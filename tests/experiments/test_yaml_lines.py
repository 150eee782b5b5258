"""Lines of YAML files in the messages of their faults."""

import pytest

from rme_tf.experiments import ImageRecipe, TextRecipe, parse
from rme_tf.experiments.cli import from_yaml
from rme_tf.experiments.parts.yaml_lines import read_yaml


def message_of(text, path, defaults=None):
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"\A[^\n]*\Z") as refused:
        from_yaml(path, ImageRecipe() if defaults is None else defaults)
    return str(refused.value)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("seed: 1\nepohcs: 3\n", 2, "Received: 'epohcs'. Did you mean 'epochs'"),
        ("seed: 1\n\n# a comment\nepochs: three\n", 4, "`epochs` must be an integer"),
        ("epochs: [3]\nseed: 1\n", 1, "epochs"),
        ("components: 0\nseed: 1\n", 1, "`components` must be"),
        ("algorithm: elbow\nseed: 1\n", 1, "Did you mean 'elbo'?"),
        ("seed: 1\nalgorithm:\n  name: boosted\n  kl_bonud: 3\n", 4, "kl_bonud"),
        ("seed: 1\nalgorithm:\n  kl_bound: 3\n  name: elbo\n", 3, "Unknown options of the algorithm 'elbo'"),
        ("algorithm:\n  kl_weight:\n    name: linear\n    stepz: 7\n", 4, "Did you mean 'steps'?"),
        ("algorithm:\n  kl_weight:\n    name: linear\n    steps: many\n", 4, "`algorithm.kl_weight.steps`"),
        ("encoder: mlp\nencoder.units: wide\n", 2, "`encoder.units` must be a list"),
        ("algorithm: elbo\nkl_bound: 5\n", 2, "kl_bound"),
        ("epohcs: 3\nlatent_dim: x\n", 1, "epohcs"),
        ("algorithm: {<<: {name: elbo}, num_samples: x}\n", 1, "num_samples"),
        ("dataset: mnist\nbinarization: dequantized\n", 2, "need a density"),
        ("warm_start_epochs: -1\n", 1, "warm_start_epochs"),
        ("seed: 1\nlatent_dim: [1\n", 3, "expected YAML"),
        ("seed: 1\nseed: 2\n", 2, "expected each key once. Received: 'seed', also on line 1"),
        ("encoder: {filters: [3], filters: [4]}\n", 1, "expected each key once"),
    ],
)
def test_a_fault_has_its_line(text, line, message, tmp_path):
    refused = message_of(text, tmp_path / "some.yaml")
    assert refused.startswith(f"{tmp_path / 'some.yaml'}, line {line}")
    assert message in refused


def test_a_fault_of_all_values_together_has_no_line(tmp_path):
    assert "some.yaml does not describe a recipe: expected fields" in message_of("- 3\n", tmp_path / "some.yaml")


def test_every_field_is_found_by_its_line(tmp_path):
    """Each unknown name among the values of a whole configuration."""
    for defaults in (ImageRecipe(), TextRecipe()):
        names = list(defaults.config)
        for index in range(0, len(names), 7):
            lines = [f"{name}: null" for name in ("train_size", "test_size")]
            lines.insert(1, f"{names[index]}_x: 3")
            refused = message_of("\n".join(lines), tmp_path / "some.yaml", defaults)
            assert "some.yaml, line 2, does not describe" in refused


def test_a_command_line_refuses_a_file_on_one_line(tmp_path, capsys):
    (tmp_path / "some.yaml").write_text("seed: 1\nepohcs: 3\n", encoding="utf-8")
    with pytest.raises(SystemExit) as end:
        parse(ImageRecipe(), args=["--config", str(tmp_path / "some.yaml")])
    assert end.value.code == 2
    printed = capsys.readouterr().err
    assert printed.count("\n") == 1
    assert "line 2" in printed


def test_valid_yaml_is_read_as_ever():
    text = "a: 1\nb: &x {c: [1, 2], d: 1e-3}\ne: *x\nf: {<<: *x, c: 3}\n"
    assert read_yaml(text) == {
        "a": 1,
        "b": {"c": [1, 2], "d": "1e-3"},
        "e": {"c": [1, 2], "d": "1e-3"},
        "f": {"c": 3, "d": "1e-3"},
    }
    assert read_yaml("") is None
