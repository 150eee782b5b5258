"""Flags of choices and of their options, in every spelling."""

import pytest

from rme_tf.algorithms import ELBO, Aggressive, FreeBits, LinearAnnealing
from rme_tf.experiments import ImageRecipe, Part, TextRecipe, parse
from rme_tf.experiments.recipes import factories


def algorithm_of(words):
    return factories.make_algorithm(parse(ImageRecipe(), args=words.split()))


@pytest.mark.parametrize(
    "words",
    [
        "--algorithm elbo --algorithm.num-samples 3",
        "--algorithm.name elbo --algorithm.num_samples=3",
        "--algorithm=elbo --num-samples 3",
        "--algorithm.num-samples 3 --algorithm.name=elbo",
    ],
)
def test_a_choice_and_its_options_come_in_any_order(words):
    assert algorithm_of(words) == ELBO(num_samples=3, warm_start_epochs=3)


@pytest.mark.parametrize(
    ("words", "field", "value"),
    [
        ("--algorithm.kl-weight 0.5", "kl_weight", 0.5),
        ("--kl-weight 0.5", "kl_weight", 0.5),
        ("--annealing linear", "kl_weight", LinearAnnealing(steps=1000)),
        ("--annealing linear --annealing-steps 7 --kl-weight 0.5", "kl_weight", LinearAnnealing(steps=7, end=0.5)),
        ("--algorithm.kl-weight.name linear --annealing-steps 7", "kl_weight", LinearAnnealing(steps=7)),
        ("--aggressive", "aggressive", Aggressive()),
        ("--algorithm.aggressive", "aggressive", Aggressive()),
        ("--algorithm.aggressive.window 4", "aggressive", Aggressive(window=4)),
        ("--algorithm.aggressive False", "aggressive", None),
        ("--no-aggressive", "aggressive", None),
        ("--algorithm.no-aggressive", "aggressive", None),
        ("--free-bits 0.5 --free-bits-groups 2", "free_bits", FreeBits(nats=0.5, groups=2)),
        ("--algorithm.free-bits.nats 0.5 --algorithm.free-bits.groups 2", "free_bits", FreeBits(nats=0.5, groups=2)),
        ("--free-bits 0", "free_bits", None),
    ],
)
def test_a_choice_within_a_choice_has_flags(words, field, value):
    assert getattr(algorithm_of(words), field) == value


def test_earlier_names_set_the_options_of_both_networks():
    words = "--units 6 --embedding-size 5 --input-dropout 0.25 --tied --no-lowercase"
    recipe = parse(TextRecipe(likelihood=Part("categorical_sequence")), args=words.split())
    assert [recipe.option(f"{part}.units") for part in ("encoder", "decoder")] == [6, 6]
    assert [recipe.option("encoder.dropout"), recipe.option("decoder.input_dropout")] == [0.25, 0.25]
    assert recipe.choice("likelihood").options == {"features": 5, "tied": True}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--algorithm.order 3", "Unknown options of the algorithm 'recursive_mixture'. Expected some of: 'aggressive'"),
        ("--algorithm elbo --algorithm.kl-bound 3", "kl_bound: for the algorithm 'recursive_mixture'"),
        ("--algorithm elbo --kl-bound 3", "kl_bound: for the algorithm 'recursive_mixture'"),
        ("--algorithm nope", "Unknown algorithm. Expected one of: 'boosted'"),
        ("--algorithm", "Expected a choice of algorithm after --algorithm. Received: none"),
        ("--refinement.steps 3", "steps: for the refinement 'dsvi' or 'iai' or 'sa'"),
        ("--components 0", "`components` must be"),
    ],
)
def test_an_impossible_flag_is_refused_with_the_options(words, message, capsys):
    with pytest.raises(SystemExit) as stop:
        parse(ImageRecipe(), args=words.split())
    assert stop.value.code == 2
    assert message in " ".join(capsys.readouterr().err.split())


def test_help_after_a_choice_lists_its_options(capsys):
    with pytest.raises(SystemExit):
        parse(ImageRecipe(), args=["--algorithm", "renyi", "--help"])
    text = capsys.readouterr().out
    assert "--algorithm.order" in text
    assert "--algorithm.kl-bound" not in text
