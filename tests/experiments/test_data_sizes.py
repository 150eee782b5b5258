"""Defaults for few observations: numbers of a pure function, and command lines whose flags win."""

import dataclasses
import pathlib
import runpy

import pytest
from PIL import Image

from rme_tf.experiments import Part, TextRecipe, with_fields
from rme_tf.experiments.recipes import data_sizes
from rme_tf.experiments.recipes.data_sizes import (
    FEW,
    DataSize,
    lengths_for,
    networks_for,
    parse_by_size,
    power_of_two,
    size_of,
    sized_fields,
    sizes_for,
)

RECIPES = pathlib.Path(__file__).parents[2] / "recipes"
TEXT, FOLDER = (runpy.run_path(str(RECIPES / f"{name}.py"))[name.upper()] for name in ("text", "folder"))


def chosen(recipe, *size):
    """The recipe with its fields for a size of the data."""
    size = DataSize(*size)
    sizes = sizes_for(size, recipe)
    recipe = with_fields(recipe, sizes | networks_for(size, with_fields(recipe, sizes)))
    return with_fields(recipe, lengths_for(size, recipe))


@pytest.mark.parametrize(("number", "power"), [(0, 1), (1, 1), (2, 2), (3, 2), (8, 8), (31, 16), (128, 128)])
def test_a_batch_is_a_power_of_two(number, power):
    assert power_of_two(number) == power


@pytest.mark.parametrize("recipe", [TEXT, FOLDER], ids=["text", "folder"])
@pytest.mark.parametrize("count", [3, 30, 160, 400, 1000, 2500, FEW - 1])
def test_few_observations_have_enough_steps_and_a_training_that_can_end(recipe, count):
    few = chosen(recipe, count, 16 * count)
    steps = max(1, count // few.batch_size)
    assert few.batch_size <= min(count, max(8, count // 8))
    assert few.batch_size <= recipe.batch_size
    assert recipe.epochs <= few.epochs <= 60
    assert 1 <= few.option("algorithm.warm_start_epochs") < few.epochs / 4
    assert few.restore_best
    assert few.patience < few.epochs
    if recipe is TEXT:
        assert few.option("algorithm.kl_weight.steps") <= few.epochs * steps / 2
        assert few.vocabulary_size <= recipe.vocabulary_size


@pytest.mark.parametrize("recipe", [TEXT, FOLDER], ids=["text", "folder"])
def test_many_observations_keep_the_defaults(recipe):
    assert chosen(recipe, FEW, 20 * FEW) == recipe == chosen(recipe, 10**7, 10**9)


def test_numbers_for_two_hundred_lines_and_five_hundred_photographs():
    text, photos = chosen(TEXT, 180, 2_900), chosen(FOLDER, 400, None, True)
    assert (text.batch_size, text.epochs, text.vocabulary_size, text.held_out) == (8, 60, 362, 10)
    assert (photos.batch_size, photos.epochs, photos.components, photos.size) == (16, 60, 3, 32)
    assert photos.encoder == photos.decoder == Part("resnet")
    assert photos.importance_samples == 100
    assert chosen(with_fields(FOLDER, {"importance_samples": 50}), 400).importance_samples == 50
    assert chosen(FOLDER, 2000).size == FOLDER.size
    assert chosen(FOLDER, 400).encoder == Part("dcgan", filters=16)  # of gray images
    assert chosen(FOLDER, 2000, None, True).encoder == Part("dcgan", filters=32)


def test_a_training_of_other_length_has_no_end_of_its_own():
    for fields in ({"train_steps": 100}, {"schedule": "cosine"}, {"patience": 4}):
        assert "restore_best" not in lengths_for(DataSize(200, 3000), with_fields(TEXT, fields))


@pytest.fixture
def lines(tmp_path):
    path = tmp_path / "lines.txt"
    path.write_text("\n".join(f"word{index % 40} and word{index % 7} of {index}" for index in range(200)))
    return path


@pytest.fixture
def photos(tmp_path):
    path = tmp_path / "photos"
    path.mkdir()
    for index in range(20):
        Image.new("RGB", (4, 4), (index, 0, 0)).save(path / f"{index}.png")
    return path


def test_flags_and_files_win(lines, tmp_path, capsys):
    common = ["--corpus", str(lines), "--out", str(tmp_path / "run")]
    default = parse_by_size(TEXT, None, common)
    assert default.batch_size == 8
    assert default.epochs > TEXT.epochs
    assert "training observations: batch_size 8, epochs" in capsys.readouterr().out
    flags = ["--batch-size", "16", "--epochs", "10", "--warm-start-epochs", "3", "--units", "24"]
    explicit = parse_by_size(TEXT, None, [*common, *flags])  # also where a flag has the default of many observations
    assert (explicit.batch_size, explicit.epochs) == (16, 10)
    assert explicit.option("algorithm.warm_start_epochs") == 3
    assert explicit.option("encoder.units") == explicit.option("decoder.units") == 24
    assert explicit.held_out == default.held_out == 10
    assert {"batch_size", "epochs", "encoder.units", "held_out"} <= {*default.by_size} <= sized_fields(TEXT)
    assert not {"batch_size", "epochs", "encoder.units"} & {*explicit.by_size}
    assert "held_out" in explicit.by_size
    assert default.identity == dataclasses.replace(default, by_size=()).identity
    (tmp_path / "a.yaml").write_text("epochs: 12\nvocabulary_size: 77\n")
    of_file = parse_by_size(TEXT, None, [*common, "--config", str(tmp_path / "a.yaml")])
    assert (of_file.epochs, of_file.vocabulary_size, of_file.batch_size) == (12, 77, 8)
    assert of_file.option("algorithm.warm_start_epochs") == 1  # a tenth of the epochs


def test_few_sentences_are_said_to_teach_no_codes_before_the_training(lines, capsys, monkeypatch):
    words = ["--corpus", str(lines)]
    parse_by_size(TEXT, None, words)
    assert "will hardly teach the decoder to use z" in capsys.readouterr().out
    parse_by_size(TEXT, None, [*words, "--language-model", "--components", "1", "--algorithm", "elbo"])
    assert "use z" not in capsys.readouterr().out  # which has none
    monkeypatch.setattr(data_sizes, "FEW_SENTENCES", size_of(TextRecipe(corpus=str(lines))).num_train)
    parse_by_size(TEXT, None, words)
    assert "use z" not in capsys.readouterr().out


def test_what_flags_and_networks_decide_is_not_printed(photos, tmp_path, capsys):
    words = ["--path", str(photos), "--data-dir", str(tmp_path / "data"), "--encoder", "mlp", "--size", "4"]
    recipe = parse_by_size(FOLDER, None, words)
    printed = capsys.readouterr().out
    for words in (f"epochs {recipe.epochs}", "latent_dim 16", "components 3", "decoder.filters 16"):
        assert words in printed
    for word in ("None", " size ", "encoder.filters "):
        assert word not in printed.replace("decoder", "")


@pytest.mark.parametrize(
    ("words", "encoder", "decoder"),
    [
        ([], ("resnet", {}), ("resnet", {})),
        (["--encoder", "dcgan"], ("dcgan", {"filters": 16}), ("dcgan", {"filters": 16})),
        (["--encoder", "resnet"], ("resnet", {}), ("dcgan", {"filters": 16})),
        (["--decoder.filters", "24"], ("dcgan", {"filters": 16}), ("dcgan", {"filters": 24})),
        (["--size", "48"], ("dcgan", {"filters": 16}), ("dcgan", {"filters": 16})),
    ],
)
def test_few_photographs_have_residual_networks_where_no_flag_is_about_networks(
    photos, tmp_path, words, encoder, decoder
):
    recipe = parse_by_size(FOLDER, None, ["--path", str(photos), "--data-dir", str(tmp_path / "data"), *words])
    assert [(part.name, part.options) for part in (recipe.encoder, recipe.decoder)] == [encoder, decoder]


def test_a_run_of_seconds_has_the_sizes_of_the_real_one(lines, capsys):
    words = ["--corpus", str(lines)]
    real, smoke = parse_by_size(TEXT, None, words), parse_by_size(TEXT, None, [*words, "--smoke"])
    for name in ("batch_size", "vocabulary_size", "encoder.units", "decoder.units"):
        assert smoke.option(name) == real.option(name)
    *_, printed, _ = capsys.readouterr().out.splitlines()
    assert "training observations: batch_size 8" in printed
    assert "epochs" not in printed.replace("warm_start_epochs", "")  # two, as in every run of seconds


def test_data_that_are_not_there_end_the_command(tmp_path, capsys):
    with pytest.raises(SystemExit) as end:
        parse_by_size(TEXT, None, ["--corpus", str(tmp_path / "missing.txt")])
    assert end.value.code == 2
    assert "missing.txt" in capsys.readouterr().err


def test_the_size_is_of_the_training_split(lines, photos, tmp_path):
    recipe = with_fields(TEXT, {"corpus": str(lines)})
    size = size_of(recipe)
    assert 170 <= size.num_train < 190
    assert size.num_words == 5 * size.num_train
    assert size_of(with_fields(recipe, {"tokenizer": "char"})).num_words is None
    assert "vocabulary_size" not in sizes_for(DataSize(200), TEXT)  # as many pieces or integers as there are
    assert size_of(with_fields(recipe, {"train_size": 50})).num_train == 50
    fields = {"path": str(photos), "data_dir": str(tmp_path / "data"), "size": 4}
    assert size_of(with_fields(FOLDER, fields)) == DataSize(16, in_color=True)


@pytest.mark.parametrize(("gray", "in_color"), [(0, True), (6, True), (14, False), (20, False)])
def test_images_are_in_color_if_most_of_them_are(photos, tmp_path, gray, in_color):
    for path in sorted(photos.iterdir()):
        Image.new("RGB", (4, 4), (90, 80, 80)).save(path)
    for path in sorted(photos.iterdir())[:gray]:
        Image.new("L", (4, 4), 90).save(path)
    fields = {"path": str(photos), "data_dir": str(tmp_path / "data"), "size": 4}
    assert size_of(with_fields(FOLDER, fields)).in_color == in_color
    assert not size_of(with_fields(FOLDER, {**fields, "channels": 1})).in_color
