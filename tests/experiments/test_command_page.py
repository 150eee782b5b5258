"""docs/command.md: its commands run, and print what it shows."""

import pathlib
import re
import shlex
import warnings

import numpy as np
import pytest
from PIL import Image

from rme_command import main

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "command.md"
BLOCK = re.compile(r"^```sh\n(?P<commands>.*?)^```\n(?:```text\n(?P<output>.*?)^```\n)?", re.MULTILINE | re.DOTALL)
FAST = " --optimizer sgd --algorithm.warm-start-epochs 0 --encoder.units 8 --decoder.units 8 --size 8 --latent-dim 3"


def pattern_of(output):
    """A pattern of a text: "..." stands for anything, and spaces for any of them."""
    lines = [r"\s+".join(re.escape(word) for word in line.split()) for line in output.splitlines() if line.strip()]
    return r"\s*".join(lines).replace(re.escape("..."), r"[\s\S]*?")


def printed_by(command, capsys):
    """What a command prints; one that trains does so on tiny networks."""
    _, *words = shlex.split(command + (FAST if "--smoke" in command else ""))
    capsys.readouterr()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # so short a training may well have collapsed
            main(words)
    except SystemExit as end:
        assert end.code in (0, 2, None)
    printed = capsys.readouterr()
    return printed.out + printed.err


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
def test_the_commands_of_the_page_print_what_it_shows(tmp_path, monkeypatch, capsys, rng):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    for index in range(30):
        Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(tmp_path / "photos" / f"{index}.png")
    text = PAGE.read_text(encoding="utf-8")
    (settings,) = re.findall(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    (tmp_path / "settings.yaml").write_text(settings, encoding="utf-8")
    (tmp_path / "mistyped.yaml").write_text(settings.replace("components", "componets"), encoding="utf-8")
    blocks = list(BLOCK.finditer(text))
    assert len(blocks) >= 10
    for block in blocks:
        printed = "".join(printed_by(command, capsys) for command in block["commands"].splitlines())
        if block["output"]:
            assert re.search(pattern_of(block["output"]), printed), (block["commands"], printed)
        else:
            assert "Next:" in printed


def test_the_page_has_every_command():
    from rme_command.commands import COMMANDS

    text = PAGE.read_text(encoding="utf-8")
    for command in ("train", "study", *COMMANDS):
        assert re.search(rf"^rme {command}\b", text, re.MULTILINE), command
