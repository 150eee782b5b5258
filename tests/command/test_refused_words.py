"""Words that `rme` refuses on one line, with what may have been meant."""

import itertools
import re

import pytest

from test_command_line import KINDS, every_kind, parser_of, refused


@every_kind
def test_a_flag_without_one_letter_is_refused_with_the_flag_that_was_meant(kind, capsys):
    known = parser_of(kind, None, []).known
    for field in KINDS[kind]["fields"]:
        flag = "--" + field["name"].replace("_", "-")
        mistyped = flag[:4] + flag[5:]
        if mistyped not in known and len(flag) > 6:
            line = refused(capsys, "train", kind, mistyped, "1")
            assert f"Received: {mistyped!r}. Did you mean " in line
            assert flag in line


def test_a_choice_without_one_letter_is_refused_with_the_choice_that_was_meant(capsys):
    for kind, field in itertools.chain(*([(kind, field) for field in KINDS[kind]["fields"]] for kind in KINDS)):
        for choice in field.get("choices", []):
            mistyped = choice[:2] + choice[3:]
            if mistyped not in field["choices"] and len(choice) > 4:
                line = refused(capsys, "train", kind, f"--{field['name']}", mistyped)
                assert f"Received: {mistyped!r}. Did you mean" in line
                assert choice in line


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("trian images", "Unknown command. .* Did you mean 'train'?"),
        ("tran", "Unknown command. Expected one of: train, resume, .*study. Received: 'tran'. Did you mean 'train'?$"),
        ("train image", "Unknown kind of data. Expected one of: images, table, text. .* Did you mean 'images'?$"),
        ("train images --pth x", "^Unknown flag. Received: '--pth'. Did you mean '--path'?$"),
        ("train images --lr 0.1", "^Unknown flag. Received: '--lr'. Did you mean '--optimizer.learning-rate'?$"),
        ("train images --batch 8", "Did you mean '--batch-size'?$"),
        ("train text -k 3", "Unknown flag. Received: '-k'. Did you mean '--components'?$"),
        ("train table --Z_dim=3", "Unknown flag. Received: '--Z-dim'. Did you mean '--latent-dim'?$"),
        ("train images photos", "Expected a flag. Received: 'photos'. Did you mean --path photos?$"),
        ("train images mnist", "Expected a flag. Received: 'mnist'. Did you mean --dataset mnist?$"),
        ("train images --path lines.txt", "a folder of images. .* For sentences: rme train text --path lines.txt$"),
        ("train images", "Expected data: --path, --dataset or --recipe"),
        ("train text --components 3", "Expected data: --path, --corpus or --recipe"),
        ("train images --epochs three", "`--epochs` must be an integer. Received: 'three'."),
        ("train images --epochs", "--epochs: expected one argument"),
        ("train images --later-width=wide", "`--later-width` must be a number. Received: 'wide'."),
        ("train images --encoder conv --encoder.filters 3,x", "`--encoder.filters` must be an integer. Received: 'x'."),
        ("train images --smoke perhaps", "`--smoke` must be true or false. Received: 'perhaps'."),
        ("train images --kl-bond 3", "Did you mean '--kl-bound'?|Did you mean '--algorithm.kl-bound'?"),
        ("train images --dataset mnits", "Unknown dataset. .* Did you mean 'mnist'?"),
        ("train images --dataset mnist stray", "Expected a flag. Received: 'stray'."),
        ("evaluate", "the following arguments are required: RUN"),
        ("evaluate --sampels 3 x", "Received: '--sampels'. Did you mean '--samples'?"),
        ("sample x --count 0", "`--count` must be an integer of at least 1. Received: '0'."),
        ("export x --format onxx", "Unknown format. .*Did you mean 'onnx'?"),
        ("compare x begun", "a finished run, .* 'begun', which was interrupted. To finish it: rme resume begun$"),
        ("report begun", "which was interrupted. To finish it: rme resume begun$"),
        ("compare nowhere", "Expected a file or folder that is there. Received: 'nowhere'."),
    ],
)
def test_words_are_refused_on_one_line(words, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x").mkdir()
    for name in ("config.yaml", "metrics.json"):
        (tmp_path / "x" / name).touch()
    (tmp_path / "begun").mkdir()
    (tmp_path / "begun" / "config.yaml").touch()
    (tmp_path / "lines.txt").touch()
    assert re.search(message.replace("?", r"\?"), refused(capsys, *words.split()))


def test_a_run_and_a_file_of_a_similar_name_are_suggested(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder in ("runs/mnist", "photos"):
        (tmp_path / folder).mkdir(parents=True)
    for name in ("config.yaml", "metrics.json"):
        (tmp_path / "runs" / "mnist" / name).touch()
    assert "Did you mean 'runs/mnist'?" in refused(capsys, "resume", "runs/mnits")
    assert "Did you mean 'runs/mnist'?" in refused(capsys, "evaluate", "mnist")
    assert "Did you mean 'photos'?" in refused(capsys, "train", "images", "--path", "fotos")
