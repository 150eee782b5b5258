"""Values of YAML files and flags that no recipe takes, and None in flat files."""

import numpy as np
import pytest
import tensorflow as tf

from rme_tf.experiments import ImageRecipe, Part, parse, with_fields
from rme_tf.experiments.cli import from_yaml
from rme_tf.experiments.runs.study_fields import StudyFields


@pytest.fixture
def read(tmp_path):
    def of(text, defaults=None):
        path = tmp_path / "recipe.yaml"
        path.write_text(text, encoding="utf-8")
        return from_yaml(path, ImageRecipe() if defaults is None else defaults)

    return of


@pytest.mark.parametrize("text", ["clip_norm: null", "optimizer: {global_clipnorm: null}"])
def test_null_clears_the_value_of_a_recipe(text, read):
    recipe = read(text, ImageRecipe(optimizer=Part(global_clipnorm=200.0)))
    assert recipe.option("optimizer.global_clipnorm") is None


def test_null_clears_an_option_that_every_network_takes(read):
    assert read("mean_scale: null", ImageRecipe(encoder=Part(mean_scale=0.5))).option("encoder.mean_scale") is None


@pytest.mark.parametrize("field", ImageRecipe.PARTS)
def test_an_empty_name_is_no_choice(field, read):
    kind = ImageRecipe.PARTS[field].kind
    for value in ("", {"name": ""}):
        with pytest.raises(ValueError, match=f"Expected the name of the {kind}"):
            ImageRecipe(**{field: value})
    for text in (f"{field}: ''", f"{field}: {{name: ''}}"):
        with pytest.raises(ValueError, match=f"Expected the name of the {kind}"):
            read(text)
    for words in ([f"--{field}", ""], [f"--{field}="]):
        with pytest.raises(SystemExit):
            parse(ImageRecipe(), args=words)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("algorithm: elbo\nkl_bound: 5", "kl_bound: for the algorithm"),
        ("algorithm: {name: elbo}\nkl_bound: 5", "kl_bound: for the algorithm"),
        ("prior_components: 4", "num_components: for the prior"),
        ("algorithm: {kl_bound: 2}\nkl_bound: 5", "Expected `algorithm.kl_bound` once"),
        ("annealing_steps: 7\nalgorithm: elbo", "steps: for the annealing"),
    ],
)
def test_a_flat_option_without_effect_is_refused(text, message, read):
    with pytest.raises(ValueError, match=message):
        read(text)


def test_flat_options_of_a_flat_choice_are_taken(read):
    recipe = read("annealing_steps: 7\nannealing: linear\nalgorithm: elbo\nfree_bits_groups: 2\nfree_bits: 0.5")
    assert recipe.option("algorithm.kl_weight.steps") == 7
    assert recipe.option("algorithm.free_bits.groups") == 2


def test_flat_options_go_with_a_nested_choice(read):
    recipe = read("algorithm: {name: elbo, kl_weight: 0.5}\nnum_samples: 3")
    assert [recipe.option(f"algorithm.{name}") for name in ("name", "num_samples", "kl_weight")] == ["elbo", 3, 0.5]
    recipe = read("encoder: {mean_scale: 0.5}\nmlp_units: [7]", ImageRecipe(encoder="mlp"))
    assert [recipe.option(f"encoder.{name}") for name in ("units", "mean_scale")] == [[7], 0.5]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("algorithm: {kl_bound: true}", "`algorithm.kl_bound` must be a number. Received: True"),
        ("algorithm: {kl_bound: abc}", "`algorithm.kl_bound` must be a number. Received: 'abc'"),
        ("algorithm: {num_samples: true}", "`algorithm.num_samples` must be an integer. Received: True"),
        (
            "algorithm: {kl_weight: {name: linear, steps: true}}",
            "`algorithm.kl_weight.steps` must be an integer. Received: True",
        ),
        ("components: true", "`components` must be an integer. Received: True"),
        ("later_width: true", "`later_width` must be a number. Received: True"),
        ("encoder: {filters: '8,16'}", "`encoder.filters` must be a list, such as .8,16.. Received: '8,16'"),
        ("encoder: {filters: 8}", "`encoder.filters` must be a list, such as .8.. Received: 8"),
        ("optimizer: {weight_decay: abc}", "`optimizer.weight_decay` must be .*None. Received: 'abc'"),
    ],
)
def test_a_value_of_another_type_is_refused_by_its_dotted_name(text, message, read):
    with pytest.raises(ValueError, match=message) as refused:
        read(text)
    assert str(refused.value).endswith(".")
    assert not str(refused.value).endswith("..")


def test_the_methods_of_a_study_are_a_list(read):
    with pytest.raises(ValueError, match="`methods` must be a list, such as .vae.. Received: 'vae'"):
        read("methods: vae", StudyFields())
    assert read("methods: [vae]", StudyFields()).methods == ("vae",)


def test_a_number_that_yaml_takes_for_text_is_a_number(read):
    recipe = read("optimizer: {learning_rate: 1e-3, weight_decay: 1e-4}\nalgorithm: {kl_bound: 3}")
    values = [recipe.option(f"optimizer.{name}") for name in ("learning_rate", "weight_decay")]
    assert values == [0.001, 0.0001]
    assert isinstance(recipe.option("algorithm.kl_bound"), float)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("learning_rate", 0.0),
        ("epsilon", 0.0),
        ("clipnorm", -1),
        ("clipvalue", -1.0),
        ("global_clipnorm", 0.0),
        ("loss_scale_factor", -2.0),
        ("beta_1", 1.5),
        ("ema_momentum", -0.5),
        ("weight_decay", -0.1),
        ("weight_decay", "abc"),
        ("ema_overwrite_frequency", 0),
        ("gradient_accumulation_steps", 1),
    ],
)
def test_an_optimizer_has_values_in_their_ranges(option, value):
    with pytest.raises(ValueError, match=f"`optimizer.{option}` must be"):
        ImageRecipe(optimizer=Part(**{option: value}))
    with pytest.raises(SystemExit):
        parse(ImageRecipe(), args=[f"--optimizer.{option.replace('_', '-')}={value}"])


@pytest.mark.parametrize("content", [b"\xe9: 1", b"a: " + b"[" * 3000, b"a: &a [*a]"])
def test_yaml_in_another_encoding_or_nested_too_deep_is_refused_with_the_file(content, tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"recipe\.yaml.*\.$"):
        from_yaml(path, ImageRecipe())


def test_options_are_plain_values_whatever_numbers_they_were():
    recipe = ImageRecipe(
        algorithm=Part("elbo", num_samples=np.int64(3)), optimizer=Part("adam", learning_rate=np.float32(0.5))
    )
    assert type(recipe.option("algorithm.num_samples")) is int
    assert type(recipe.option("optimizer.learning_rate")) is float


@pytest.mark.parametrize("value", [tf.constant(["x", "y"]), np.array([]), object()], ids=["tensor", "array", "object"])
def test_an_option_that_no_comparison_takes_is_refused(value):
    for name in ("optimizer.beta_2", "trunk", "policy"):
        with pytest.raises(ValueError, match="Received: "):
            with_fields(ImageRecipe(), {name: value})
    with pytest.raises(ValueError, match="Expected a dict of values"):
        with_fields(ImageRecipe(), value)
    with pytest.raises(ValueError, match="Expected a recipe"):
        with_fields(value, {})
