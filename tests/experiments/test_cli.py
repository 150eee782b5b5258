"""Command lines of dataclasses other than recipes."""

import dataclasses
from typing import Annotated

import tyro

from rme_tf.experiments import parse


def test_any_dataclass_is_parsed(tmp_path):
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Options:
        """Options of a study."""

        seeds: int = 3
        methods: tuple[str, ...] = ("a", "b")

    path = tmp_path / "options.yaml"
    path.write_text("seeds: 2\n", encoding="utf-8")
    assert parse(Options(), args=["--config", str(path), "--methods", "b"]) == Options(seeds=2, methods=("b",))
    assert parse(Options(), args=["--seeds", "5"]).seeds == 5
    path.write_text("methods: [c, d]\n", encoding="utf-8")
    assert parse(Options(), args=["--config", str(path)]).methods == ("c", "d")


@dataclasses.dataclass(frozen=True)
class Lists:
    names: tuple[str, ...] = ()
    sizes: Annotated[tuple[int, ...], tyro.conf.arg(name="numbers")] = ()
    text: str = ""


def test_values_are_divided_by_spaces_or_commas():
    expected = Lists(names=("a", "b", "c"), sizes=(1, 2), text="x,y")
    for line in (
        "--names a b c --numbers 1 2 --text x,y",
        "--names a,b,c --text x,y --numbers 1,2",
        "--text=x,y --names=a,b c --numbers=1,2",
    ):
        assert parse(Lists(), args=line.split()) == expected
