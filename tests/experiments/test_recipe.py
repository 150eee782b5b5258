"""The recipe's fields: checked, and the same from code, flags and YAML."""

import dataclasses
import json
from typing import Annotated

import pytest
import tyro
import yaml

from rme_tf import ELBO, Boosted, ImportanceWeighted, RecursiveMixture
from rme_tf.experiments import ImageRecipe, parse
from rme_tf.experiments.cli import from_yaml
from rme_tf.experiments.recipes import factories
from rme_tf.posteriors import RecursiveMixing, UniformMixing

NAMES = [field.name for field in dataclasses.fields(ImageRecipe)]
IMPOSSIBLE = [
    ({"components": 0}, "`components` must be at least 1. Received: 0"),
    ({"latent_dim": -1}, "`latent_dim` must be at least 1"),
    ({"epochs": 0}, "`epochs` must be at least 1"),
    ({"batch_size": 0}, "`batch_size` must be at least 1"),
    ({"num_samples": 0}, "`num_samples` must be at least 1"),
    ({"steps_per_execution": 0}, "`steps_per_execution` must be at least 1"),
    ({"importance_samples": 0}, "`importance_samples` must be at least 1"),
    ({"train_size": 0}, "`train_size`"),
    ({"test_size": -5}, "`test_size`"),
    ({"seed": -1}, "`seed`"),
    ({"learning_rate": 0.0}, "`learning_rate` must be positive"),
    ({"learning_rate": float("nan")}, "`learning_rate`"),
    ({"learning_rate": float("inf")}, "`learning_rate`"),
    ({"kl_bound": -1.0}, "`kl_bound`.*Received: -1.0"),
    ({"kl_bound": float("nan")}, "`kl_bound`.*Received: nan"),
    ({"warm_start_epochs": -1}, "`warm_start_epochs`"),
    ({"warm_start_noise": -0.1}, "`warm_start_noise`"),
    ({"mixing": "learned", "eps_min": 0.5}, r"`eps_min` must be a number in \[0, 0.5\). Received: 0.5"),
    ({"mixing": "learned", "eps_min": -0.1}, "`eps_min`"),
    ({"mixing": "uniform", "eps_min": 0.7}, "`eps_min`"),
    ({"mixing": "learned", "uniform_pull": -1.0}, "`uniform_pull`"),
    ({"mixing": "nope"}, "Unknown mixing. Expected one of: 'learned', 'uniform'. Received: 'nope'"),
    ({"algorithm": "nope"}, "Unknown algorithm. Expected one of: 'boosted', 'elbo', .*'recursive_mixture'"),
    ({"update": "nope"}, "`update`.*'joint', 'sequential'.*'nope'"),
    ({"decoder_weights": "nope"}, "`decoder_weights`.*'alpha', 'uniform'.*'nope'"),
    ({"algorithm": "elbo", "gradient": "nope"}, "`gradient`.*'pathwise', 'dreg'.*'nope'"),
    ({"algorithm": "boosted", "entropy_weight": 0.0}, "`entropy_weight` must be a finite number above 0"),
    ({"algorithm": "elbo", "refinement": "nope"}, "Unknown refinement.*'dsvi', 'iai', 'sa'"),
    ({"algorithm": "elbo", "refinement": "sa", "refinement_steps": -1}, "`refinement_steps` must be at least 0"),
    ({"refinement": "sa"}, "`refinement` needs an algorithm of .*'elbo'.* Received: 'recursive_mixture'"),
    ({"trunk": "nope"}, "Unknown trunk.*'amortised', 'conditioned', 'recurrent', 'shared'"),
    ({"later_width": 0.0}, "`later_width` must be positive"),
    ({"polish_epoch": 3}, "`polish_epoch`.*at least 4. Received: 3"),
    ({"bound": "nope"}, "`bound`.*'skew', 'clamp', 'none'.*'nope'"),
    ({"dataset": "nope"}, "Unknown data set.*'digits', .*'mnist'"),
    ({"size": 64}, "`size` must be None for the data set 'mnist'. Received: 64"),
    ({"dataset": "celeb_a", "size": 0}, "`size` must be at least 1. Received: 0"),
    ({"binarization": "nope"}, "Unknown binarization.*'dynamic'"),
    ({"likelihood": "nope"}, "Unknown likelihood.*'bernoulli'"),
    ({"encoder": "nope"}, "Unknown encoder. Expected one of: 'conv', .*'mlp'"),
    ({"encoder": "lstm"}, "Unknown encoder.*'lstm'"),
    ({"likelihood": "categorical_sequence"}, "Unknown likelihood"),
    ({"decoder": "nope"}, "Unknown decoder.*'conv', .*'mlp'"),
    ({"posterior": "nope"}, "Unknown posterior.*'diag_normal'"),
    ({"mlp_units": ()}, r"`mlp_units` must be sizes of at least 1. Received: \(\)"),
    ({"mlp_units": (8, 0)}, r"`mlp_units`.*Received: \(8, 0\)"),
    ({"decoder_scale": "nope"}, "`decoder_scale` must be one of .*'shared'.*Received: 'nope'"),
    ({"mlp_activation": "nope"}, "nope"),
    ({"pixelcnn_layers": 0}, "`pixelcnn_layers` must be at least 1"),
    ({"pixelcnn_filters": 0}, "`pixelcnn_filters` must be at least 1"),
    ({"diagnosed": 1}, "`diagnosed` must be at least 2"),
    ({"prior": "nope"}, "Unknown prior.*'standard_normal'"),
    ({"prior_components": 5}, r"`prior_components`.*\['mixture', 'vamp'\]. Received: 'standard_normal'"),
    ({"prior": "vamp", "prior_components": 0}, "`prior_components` must be at least 1. Received: 0"),
]


@pytest.mark.parametrize(("choices", "message"), IMPOSSIBLE, ids=[str(choices) for choices, _ in IMPOSSIBLE])
def test_an_impossible_recipe_is_refused(choices, message):
    with pytest.raises(ValueError, match=message):
        ImageRecipe(**choices)


def test_a_recipe_describes_its_algorithm_and_mixing():
    recipe = ImageRecipe(
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
    learned = factories.make_mixing(ImageRecipe(mixing="learned", eps_min=0.1, uniform_pull=0.3))
    assert isinstance(learned, RecursiveMixing)
    assert (learned.eps_min, learned.uniform_pull) == (0.1, 0.3)
    assert factories.make_algorithm(ImageRecipe(algorithm="elbo", warm_start_epochs=2)) == ELBO(warm_start_epochs=2)
    assert factories.make_algorithm(ImageRecipe(polish_epoch=7, decoder_weights="uniform")) == RecursiveMixture(
        polish_epoch=7, decoder_weights="uniform"
    )
    assert factories.make_algorithm(ImageRecipe(algorithm="boosted", entropy_weight=0.5)) == Boosted(entropy_weight=0.5)
    bound = ImageRecipe(algorithm="importance_weighted", num_samples=4, gradient="dreg", components=1)
    assert factories.make_algorithm(bound) == ImportanceWeighted(num_samples=4, gradient="dreg")
    # One component has nothing to wait for.
    assert factories.make_algorithm(ImageRecipe(components=1, warm_start_epochs=4)).warm_start_epochs == 0


def test_options_of_a_pixelcnn_reach_it_and_no_other_decoder():
    recipe = ImageRecipe(decoder="pixelcnn", pixelcnn_layers=2, pixelcnn_filters=3)
    assert recipe.model_options((4, 4, 1)) == {
        "input_shape": (4, 4, 1),
        "likelihood": "bernoulli",
        "decoder_options": {"num_layers": 2, "filters": 3},
    }
    assert "decoder_options" not in ImageRecipe(decoder="conv").model_options((4, 4, 1))


def test_the_scale_of_a_gaussian_decoder_reaches_it_alone():
    options = ImageRecipe(likelihood="normal", binarization="none", decoder_scale="per_pixel").model_options((4, 4, 1))
    assert options["likelihood_options"] == {"scale": "per_pixel"}
    assert "likelihood_options" not in ImageRecipe(decoder_scale="per_pixel").model_options((4, 4, 1))


def test_options_of_an_mlp_reach_both_networks_and_survive_yaml_and_json(tmp_path):
    recipe = ImageRecipe(encoder="mlp", decoder="mlp", mlp_units=(20, 10), mlp_activation="tanh")
    options = recipe.model_options((4, 4, 1))
    assert options["encoder_options"] == options["decoder_options"] == {"units": (20, 10), "activation": "tanh"}
    assert "encoder_options" not in ImageRecipe().model_options((4, 4, 1))
    assert recipe.differences(json.loads(json.dumps(recipe.identity))) == {}
    assert recipe.differences(yaml.safe_load(yaml.safe_dump(dataclasses.asdict(recipe)))) == {}
    plain = ImageRecipe(encoder="mlp", decoder="mlp")
    assert recipe.differences(plain.identity).keys() == {"mlp_units", "mlp_activation"}
    (tmp_path / "recipe.yaml").write_text("mlp_units: [20, 10]", encoding="utf-8")
    assert from_yaml(tmp_path / "recipe.yaml", ImageRecipe()).mlp_units == (20, 10)
    assert parse(ImageRecipe(), args=["--mlp-units", "20,10"]).mlp_units == (20, 10)


def test_a_smoke_run_is_small_and_otherwise_the_same():
    recipe = ImageRecipe(components=3, latent_dim=7, epochs=50, smoke=True)
    small = recipe.resolved()
    assert small.epochs == 2
    assert small.warm_start_epochs == 1
    assert small.train_size == 512
    assert small.test_size == 64
    assert small.importance_samples == 64
    assert (small.components, small.latent_dim) == (3, 7)
    assert small.resolved() == small
    smaller = ImageRecipe(train_size=100, test_size=10_000, smoke=True).resolved()
    assert (smaller.train_size, smaller.test_size) == (100, 64)
    assert ImageRecipe(components=3).resolved() == ImageRecipe(components=3, num_samples=1)
    assert ImageRecipe(warm_start_epochs=0, smoke=True).resolved().warm_start_epochs == 0
    polished = ImageRecipe(polish_epoch=7, smoke=True).resolved()
    assert (polished.warm_start_epochs, polished.polish_epoch) == (0, 1)  # which two epochs have room for


def test_where_a_run_is_kept_does_not_make_it_another():
    elsewhere = {"overwrite": True, "data_dir": None, "download": False, "tensorboard": True}
    changes = [{"out": "a"}, {"out": "b"}, *({name: value} for name, value in elsewhere.items())]
    same = [ImageRecipe(**change) for change in changes]
    assert all(recipe.identity == same[0].identity for recipe in same)
    assert ImageRecipe(seed=1).identity != same[0].identity
    cats, moved, dogs = (ImageRecipe(dataset="folder", path=path).identity for path in ("a/cats", "b/cats", "a/dogs"))
    assert cats == moved != dogs
    assert set(same[0].identity) == set(NAMES) - {"out", "overwrite", "data_dir", "download", "tensorboard"}


def test_flags_are_written_with_dashes_or_underscores():
    words = "--latent-dim 3 --kl_bound 2.5 --train-size 10 --no-download --jit_compile --bound clamp --data-dir there"
    recipe = parse(ImageRecipe(components=2), args=words.split())
    assert recipe == ImageRecipe(
        components=2,
        latent_dim=3,
        kl_bound=2.5,
        train_size=10,
        download=False,
        jit_compile=True,
        bound="clamp",
        data_dir="there",
    )
    assert parse(ImageRecipe(train_size=10), args=["--train-size", "None"]).train_size is None
    assert parse(ImageRecipe(components=2), args=[]) == ImageRecipe(components=2)


def test_flags_win_over_yaml_and_yaml_over_the_defaults(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text("latent_dim: 3\nkl_bound: 2\nlearning_rate: 1e-4\ntrain_size: 12\nsmoke: true\n", encoding="utf-8")
    recipe = parse(ImageRecipe(components=4), args=["--config", str(path), "--latent-dim", "5"])
    assert recipe == ImageRecipe(
        components=4, latent_dim=5, kl_bound=2.0, learning_rate=1e-4, train_size=12, smoke=True
    )
    assert isinstance(recipe.kl_bound, float)
    before = parse(ImageRecipe(), args=["--latent-dim", "5", "--config", str(path)])
    assert before.latent_dim == 5


def test_a_config_may_follow_an_equals_sign(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text("latent_dim: 3\n", encoding="utf-8")
    assert parse(ImageRecipe(), args=[f"--config={path}"]).latent_dim == 3


def test_a_recipe_survives_yaml(tmp_path):
    recipe = ImageRecipe(
        learning_rate=3e-5, train_size=7, data_dir=None, bound="clamp", kl_bound=float("inf"), smoke=True
    )
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(dataclasses.asdict(recipe)), encoding="utf-8")
    assert from_yaml(path, ImageRecipe()) == recipe
    path.write_text("", encoding="utf-8")
    assert from_yaml(path, recipe) == recipe


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("latent_dims: 3", "latent_dims"),
        ("latent_dim: three", "latent_dim"),
        ("latent_dim: 2.5", "latent_dim"),
        ("kl_bound: wide", "kl_bound|wide"),
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
        parse(ImageRecipe(), args=["--config", str(path)])


def test_a_config_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no-such.yaml"):
        parse(ImageRecipe(), args=["--config", str(tmp_path / "no-such.yaml")])
    with pytest.raises(ValueError, match="--config"):
        parse(ImageRecipe(), args=["--config"])


def test_help_explains_every_field(capsys):
    with pytest.raises(SystemExit) as stop:
        parse(ImageRecipe(), "What this recipe is for.", args=["--help"])
    assert stop.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "What this recipe is for." in text
    assert "--config" in text
    for name in NAMES:
        assert "--" + name.replace("_", "-") in text or "--no-" + name.replace("_", "-") in text, name
    assert text.count("(default:") >= len(NAMES) - 1
    assert "nats" in text  # of kl_bound's own help, from the docstring


@pytest.mark.parametrize("words", ["--nope 3", "--latent-dim three", "--bound loose", "stray"])
def test_flags_that_do_not_exist_are_refused(words, capsys):
    with pytest.raises(SystemExit) as stop:
        parse(ImageRecipe(), args=words.split())
    assert stop.value.code == 2
    assert capsys.readouterr().err


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
