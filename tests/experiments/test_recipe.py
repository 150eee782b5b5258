"""The recipe's fields: checked, and the same from code, flags and YAML."""

import dataclasses
import json

import pytest
import yaml

from rme_tf import ELBO, Boosted, ImportanceWeighted, RecursiveMixture
from rme_tf.experiments import ImageRecipe, parse, with_fields
from rme_tf.experiments.cli import from_yaml
from rme_tf.experiments.recipes import factories
from rme_tf.experiments.recipes.origin_fields import OriginFields
from rme_tf.posteriors import RecursiveMixing, UniformMixing
from small_recipes import image_recipe

NAMES = [field.name for field in dataclasses.fields(ImageRecipe)]
OPTIONS = [
    f"{name}.{option}"
    for name, slot in ImageRecipe.PARTS.items()
    for option in slot.options(getattr(ImageRecipe(), name).name)
    if slot.inner(option) is None
]
# What the recipe checks itself. The options of choices are checked by their classes, and tested there.
IMPOSSIBLE = [
    ({"components": 0}, "`components` must be an integer of at least 1. Received: 0"),
    ({"latent_dim": -1}, "`latent_dim` must be an integer of at least 1"),
    ({"epochs": 0}, "`epochs` must be an integer of at least 1"),
    ({"batch_size": 0}, "`batch_size` must be an integer of at least 1"),
    ({"steps_per_execution": 0}, "`steps_per_execution` must be an integer of at least 1"),
    ({"importance_samples": 0}, "`importance_samples` must be an integer of at least 1"),
    ({"train_size": 0}, "`train_size`"),
    ({"test_size": -5}, "`test_size`"),
    ({"seed": -1}, "`seed`"),
    ({"learning_rate": 0.0}, "`optimizer.learning_rate` must be a finite number above 0"),
    ({"learning_rate": float("nan")}, "`optimizer.learning_rate`"),
    ({"clip_norm": float("inf")}, "`optimizer.global_clipnorm`"),
    ({"mixing": "nope"}, "Unknown mixing. Expected one of: 'learned', 'uniform'. Received: 'nope'"),
    ({"algorithm": "nope"}, "Unknown algorithm. Expected one of: 'boosted', 'elbo', .*'recursive_mixture'"),
    ({"algorithm": None}, "Unknown algorithm.*Received: None"),
    ({"algorithm": 3}, "Expected a choice of algorithm: a name, or a name and options. Received: 3, of int"),
    ({"algorithm": "elbo", "kl_bound": 3.0}, "Unknown options of the algorithm 'elbo'.*kl_bound: for the algorithm"),
    ({"refinement": "sa"}, r"`refinement` needs an algorithm of \['elbo', .*\]. Received: 'recursive_mixture'"),
    ({"refinement_steps": 3}, "Unknown options of the refinement None.*for the refinement 'dsvi' or 'iai' or 'sa'"),
    ({"trunk": "nope"}, "Unknown trunk.*'amortised', 'conditioned', 'recurrent', 'shared'"),
    ({"later_width": 0.0}, "`later_width` must be a finite number above 0"),
    ({"dataset": "nope"}, "Unknown data set.*'digits', .*'mnist'"),
    ({"size": 64}, "`size` must be None for the data set 'mnist'. Received: 64"),
    ({"dataset": "celeb_a", "size": 0}, "`size` must be an integer of at least 1. Received: 0"),
    ({"binarization": "nope"}, "Unknown binarization.*'dynamic'"),
    ({"encoder": "lstm"}, "Unknown encoder.*'lstm'"),
    ({"likelihood": "categorical_sequence"}, "Unknown likelihood"),
    (
        {"encoder": "mlp", "mlp_units": ()},
        r"`encoder.units` must be a sequence of one or more .*Received: \(\)",
    ),
    ({"decoder": "mlp", "mlp_units": (8, 0)}, r"`decoder.units`.*Received: \(8, 0\)"),
    ({"encoder": "mlp", "mlp_activation": "nope"}, "nope"),
    ({"mlp_units": (8,)}, r"Expected a choice with encoder\[mlp\].units or .*Received: encoder 'conv', decoder 'conv'"),
    (
        {"decoder": "pixelcnn", "pixelcnn_layers": 0},
        "`decoder.num_layers` must be a sequence of one or more",
    ),
    ({"diagnosed": 1}, "`diagnosed` must be an integer of at least 2"),
    ({"free_bits": 0.5, "free_bits_groups": 3}, "`algorithm.free_bits.groups` must divide.*Received: 3 of 20"),
    ({"free_bits_groups": 2}, "The free bits 'free_bits' needs `nats`"),
    ({"kl_bonud": 2}, "Unknown field of ImageRecipe. Received: 'kl_bonud'. Did you mean .*'algorithm.kl_bound'"),
    ({"steps": 2}, "Expected the name of one field. Received: 'steps', which may be any of refinement.steps, algo"),
]
# One refusal of the class of each choice: that recipes ask it, before any work.
REFUSED = [
    ({"algorithm.kl_bound": -1.0}, "`kl_bound`.*Received: -1.0"),
    ({"algorithm": "boosted", "entropy_weight": 0.0}, "`entropy_weight` must be a finite number above 0"),
    ({"algorithm.kl_weight": "linear", "algorithm.kl_weight.steps": 0}, "`steps` must be"),
    ({"algorithm.free_bits": -1.0}, "`nats`"),
    ({"algorithm.aggressive.window": 0}, "`window` must be"),
    ({"mixing": "learned", "mixing.eps_min": 0.5}, r"`eps_min` must be a number in \[0, 0.5\). Received: 0.5"),
    ({"algorithm": "elbo", "refinement": "sa", "refinement.steps": -1}, "`steps`"),
    ({"posterior": "iaf", "posterior.num_steps": 0}, "`num_steps`"),
    ({"prior": "vamp", "prior.num_components": 0}, "`num_components` must be"),
    ({"likelihood": "normal", "binarization": "none", "likelihood.scale": "nope"}, "scale"),
]


@pytest.mark.parametrize(
    ("choices", "message"), IMPOSSIBLE + REFUSED, ids=[str(choices) for choices, _ in IMPOSSIBLE + REFUSED]
)
def test_an_impossible_recipe_is_refused(choices, message):
    with pytest.raises(ValueError, match=message):
        image_recipe(**choices)


def test_a_recipe_describes_its_algorithm_and_mixing():
    recipe = image_recipe(
        kl_bound=2.0,
        bound="clamp",
        update="sequential",
        num_samples=3,
        warm_start_epochs=4,
        warm_start_noise=0.5,
    )
    assert factories.make_algorithm(recipe) == RecursiveMixture(
        kl_bound=2.0,
        bound="clamp",
        update="sequential",
        num_samples=3,
        warm_start_epochs=4,
        warm_start_noise=0.5,
    )
    assert isinstance(factories.make_mixing(recipe), UniformMixing)
    learned = factories.make_mixing(image_recipe(mixing="learned", eps_min=0.1, uniform_pull=0.3))
    assert isinstance(learned, RecursiveMixing)
    assert (learned.eps_min, learned.uniform_pull) == (0.1, 0.3)
    assert factories.make_algorithm(image_recipe(algorithm="elbo", warm_start_epochs=2)) == ELBO(warm_start_epochs=2)
    assert factories.make_algorithm(image_recipe(polish_epoch=7, decoder_weights="uniform")) == RecursiveMixture(
        polish_epoch=7, decoder_weights="uniform"
    )
    assert factories.make_algorithm(image_recipe(algorithm="boosted", entropy_weight=0.5)) == Boosted(
        entropy_weight=0.5
    )
    bound = image_recipe(algorithm="importance_weighted", num_samples=4, gradient="dreg", components=1)
    assert factories.make_algorithm(bound) == ImportanceWeighted(num_samples=4, gradient="dreg")
    # One component has nothing to wait for.
    alone = factories.make_algorithm(image_recipe(components=1, warm_start_epochs=4, components_per_step=2))
    assert (alone.warm_start_epochs, alone.components_per_step) == (0, None)


def test_options_of_a_network_reach_it_and_no_other():
    recipe = image_recipe(decoder="pixelcnn", pixelcnn_layers=2, pixelcnn_filters=3)
    options = factories.names_and_options(recipe)
    assert (options["decoder"], options["decoder_options"]) == ("pixelcnn", {"num_layers": 2, "filters": 3})
    assert factories.names_and_options(with_fields(recipe, {"decoder": "conv"}))["decoder_options"] == {}
    normal = image_recipe(likelihood="normal", binarization="none", decoder_scale="per_pixel")
    assert factories.names_and_options(normal)["likelihood_options"] == {"scale": "per_pixel"}


def test_options_of_an_mlp_reach_both_networks_and_survive_yaml_and_json(tmp_path):
    recipe = image_recipe(encoder="mlp", decoder="mlp", mlp_units=(20, 10), mlp_activation="tanh")
    options = factories.names_and_options(recipe)
    assert options["encoder_options"] == options["decoder_options"] == {"units": (20, 10), "activation": "tanh"}
    assert recipe.differences(json.loads(json.dumps(recipe.identity))) == {}
    assert recipe.differences(yaml.safe_load(yaml.safe_dump(recipe.config))) == {}
    plain = image_recipe(encoder="mlp", decoder="mlp")
    assert recipe.differences(plain.identity) == {
        **{f"{part}.units": ([256, 256], [20, 10]) for part in ("encoder", "decoder")},
        **{f"{part}.activation": ("relu", "tanh") for part in ("encoder", "decoder")},
    }
    (tmp_path / "recipe.yaml").write_text("encoder: {name: mlp, units: [20, 10]}", encoding="utf-8")
    assert from_yaml(tmp_path / "recipe.yaml", ImageRecipe()).option("encoder.units") == [20, 10]
    assert parse(ImageRecipe(encoder="mlp"), args=["--mlp-units", "20,10"]).option("encoder.units") == [20, 10]


def test_a_smoke_run_is_small_and_otherwise_the_same():
    recipe = image_recipe(components=3, latent_dim=7, epochs=50, smoke=True)
    small = recipe.resolved()
    assert small.epochs == 2
    assert small.option("algorithm.warm_start_epochs") == 1
    assert small.train_size == 512
    assert small.test_size == 64
    assert small.importance_samples == 64
    assert (small.components, small.latent_dim) == (3, 7)
    assert small.resolved() == small
    smaller = image_recipe(train_size=100, test_size=10_000, smoke=True).resolved()
    assert (smaller.train_size, smaller.test_size) == (100, 64)
    assert image_recipe(components=3).resolved() == image_recipe(components=3, num_samples=1)
    assert image_recipe(warm_start_epochs=0, smoke=True).resolved().option("algorithm.warm_start_epochs") == 0
    polished = image_recipe(polish_epoch=7, smoke=True).resolved()
    options = [polished.option(f"algorithm.{name}") for name in ("warm_start_epochs", "polish_epoch")]
    assert options == [0, 1]  # which two epochs have room for


def test_where_a_run_is_kept_does_not_make_it_another():
    elsewhere = {"overwrite": True, "data_dir": None, "download": False, "tensorboard": True, "loggers": ("mlflow",)}
    elsewhere |= {"made_from": "folder", "by_size": ("epochs",), "strategy": "mirrored"}
    named = ({name: value} for name, value in elsewhere.items())
    changes = [{"out": "a"}, {"out": "b"}, {"steps_per_execution": 7}, *named]
    same = [image_recipe(**change) for change in changes]
    assert all(recipe.identity == same[0].identity for recipe in same)
    assert image_recipe(seed=1).identity != same[0].identity
    cats, moved, dogs = (image_recipe(dataset="folder", path=path).identity for path in ("a/cats", "b/cats", "a/dogs"))
    assert cats == moved != dogs
    assert set(same[0].identity) == set(NAMES) - {"out", "steps_per_execution", *elsewhere}


def test_flags_are_written_with_dashes_or_underscores():
    words = "--latent-dim 3 --kl_bound 2.5 --train-size 10 --no-download --jit_compile --bound clamp --data-dir there"
    recipe = parse(image_recipe(components=2), args=words.split())
    assert recipe == image_recipe(
        components=2,
        latent_dim=3,
        kl_bound=2.5,
        train_size=10,
        download=False,
        jit_compile=True,
        bound="clamp",
        data_dir="there",
    )
    assert parse(image_recipe(train_size=10), args=["--train-size", "None"]).train_size is None
    assert parse(image_recipe(components=2), args=[]) == image_recipe(components=2)


def test_flags_win_over_yaml_and_yaml_over_the_defaults(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text(
        "latent_dim: 3\nalgorithm: {kl_bound: 2}\noptimizer: {learning_rate: 1e-4}\ntrain_size: 12\nsmoke: true\n",
        encoding="utf-8",
    )
    recipe = parse(image_recipe(components=4), args=["--config", str(path), "--latent-dim", "5"])
    assert recipe == image_recipe(
        components=4, latent_dim=5, kl_bound=2.0, learning_rate=1e-4, train_size=12, smoke=True
    )
    assert isinstance(recipe.algorithm.options["kl_bound"], float)
    before = parse(image_recipe(), args=["--latent-dim", "5", "--config", str(path)])
    assert before.latent_dim == 5


def test_a_config_may_follow_an_equals_sign(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text("latent_dim: 3\n", encoding="utf-8")
    assert parse(image_recipe(), args=[f"--config={path}"]).latent_dim == 3


def test_a_recipe_survives_yaml(tmp_path):
    recipe = image_recipe(
        learning_rate=3e-5, train_size=7, data_dir=None, bound="clamp", kl_bound=float("inf"), smoke=True
    )
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(recipe.config), encoding="utf-8")
    assert from_yaml(path, image_recipe()) == recipe
    path.write_text("", encoding="utf-8")
    assert from_yaml(path, recipe) == recipe


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("latent_dims: 3", "latent_dims"),
        ("latent_dim: three", "latent_dim"),
        ("latent_dim: 2.5", "latent_dim"),
        ("kl_bound: wide", "kl_bound|wide"),
        ("algorithm: {kl_bound: wide}", "kl_bound|wide"),
        ("algorithm: {name: elbo, kl_bound: 3}", "Unknown options of the algorithm 'elbo'.*'kl_bound'"),
        ("algorithm: [elbo]", "Expected a choice of algorithm"),
        ("shared_trunk: true", "The field `shared_trunk` is now `trunk: shared`"),
        ("smoke: 3", "smoke"),
        ("bound: loose", "bound"),
        ("components: 0", "at least 1"),
        ("train_size: [1]", "train_size"),
        ("- latent_dim", "does not describe a recipe"),
        ("just text", "does not describe a recipe"),
        ("latent_dim: [1", "does not describe a recipe|YAML"),
    ],
)
def test_yaml_that_is_no_recipe_is_refused(tmp_path, text, message):
    path = tmp_path / "recipe.yaml"
    path.write_text(text + "\n", encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        from_yaml(path, image_recipe())
    with pytest.raises(SystemExit):
        parse(image_recipe(), args=["--config", str(path)])


def test_a_config_that_is_not_there_is_refused(tmp_path, capsys):
    for words, message in (
        (["--config", str(tmp_path / "no-such.yaml")], "no-such.yaml"),
        (["--config"], "`--config` needs"),
    ):
        with pytest.raises(SystemExit):
            parse(image_recipe(), args=words)
        assert message in capsys.readouterr().err


def test_help_explains_every_field(capsys):
    with pytest.raises(SystemExit) as stop:
        parse(image_recipe(), "What this recipe is for.", args=["--help"])
    assert stop.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "What this recipe is for." in text
    assert "--config" in text
    unflagged = {field.name for field in dataclasses.fields(OriginFields)}
    assert not any(name.replace("_", "-") in text for name in unflagged)
    for name in set(NAMES) - ImageRecipe.PARTS.keys() - unflagged:
        assert "--" + name.replace("_", "-") in text or "--no-" + name.replace("_", "-") in text, name
    for name in OPTIONS:
        last = name.rpartition(".")
        flags = [f"--{name}", f"--{last[0]}.no-{last[2]}"]
        assert any(flag.replace("_", "-") in text for flag in flags), name
    assert text.count("(default:") >= len(NAMES) - len(unflagged) + len(OPTIONS)
    assert "nats" in text  # of kl_bound's own help, from the docstring


@pytest.mark.parametrize("words", ["--nope 3", "--latent-dim three", "--bound loose", "stray"])
def test_flags_that_do_not_exist_are_refused(words, capsys):
    with pytest.raises(SystemExit) as stop:
        parse(image_recipe(), args=words.split())
    assert stop.value.code == 2
    assert capsys.readouterr().err
