"""Strategies of recipes: who asks for workers, what is refused, and evaluations that workers divide."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from rme_tf.core.replicas import DividedWork, is_chief
from rme_tf.experiments import ImageRecipe, join_workers
from rme_tf.experiments.runs.strategies import asks_for_workers, divided, strategy_named


@pytest.mark.parametrize(
    ("words", "asks"),
    [
        ("train images --strategy multiworker", True),
        ("--out x --strategy=multiworker", True),
        ("resume RUN", True),
        ("train images --config RUN/config.yaml", True),
        ("train images --strategy mirrored", False),
        ("report RUN", False),
        ("", False),
    ],
)
def test_workers_are_asked_for_before_a_recipe_is_made(words, asks, tmp_path):
    (tmp_path / "config.yaml").write_text("seed: 0\nstrategy: multiworker\n", encoding="utf-8")
    assert asks_for_workers(words.replace("RUN", str(tmp_path)).split()) is asks


def test_workers_need_their_addresses(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    with pytest.raises(ValueError, match=r"TF_CONFIG.*docs/scale.md.*Received: none"):
        join_workers()
    with pytest.raises(ValueError, match="`strategy`.*'mirrored'.*'multiworker'.*Received: 'tpu'"):
        ImageRecipe(strategy="tpu")  # type: ignore[arg-type]


def test_workers_have_no_limit_of_time():
    with pytest.raises(ValueError, match="`train_minutes` end at another step on each worker"):
        ImageRecipe(strategy="multiworker", train_minutes=1.0)


def test_a_run_goes_on_with_another_number_of_replicas():
    recipe = ImageRecipe()
    assert dataclasses.replace(recipe, strategy="mirrored").differences(recipe.identity) == {}


def test_rows_are_divided_not_files():
    data = tf.data.Dataset.range(3)
    assert divided(data, ImageRecipe()) is data
    policy = divided(data, ImageRecipe(strategy="mirrored")).options().experimental_distribute.auto_shard_policy
    assert policy == tf.data.experimental.AutoShardPolicy.DATA


def test_one_machine_has_one_strategy():
    strategy = strategy_named("mirrored")
    assert strategy is strategy_named("mirrored")
    assert is_chief(strategy)


class Reduced:
    """The mean over two workers, of which the other one has called before."""

    cluster_resolver = None

    def __init__(self, others=None):
        self.given, self.others = [], others

    def reduce(self, _, value, axis):
        assert axis is None
        self.given.append(value)
        return value if self.others is None else (value + self.others[len(self.given) - 1]) / 2


@pytest.mark.parametrize("num_parts", [1, 5])
def test_workers_divide_the_parts_of_an_evaluation(num_parts):
    parts = [np.arange(2 * n, 2 * n + 2, dtype="float32") for n in range(num_parts)]
    computed = []

    def joined(strategy, index):
        work = DividedWork(strategy)
        work.index, work.workers = index, 2
        for number, part in enumerate(parts):
            work.add(2, lambda part=part, number=number: computed.append(number) or (part, np.stack([part, -part], 1)))
        return work.results()

    second = Reduced()
    joined(second, 1)
    assert computed == [0, *range(1, num_parts, 2)]  # the first one for the shapes
    values, pairs = joined(Reduced(second.given), 0)
    np.testing.assert_array_equal(values, np.concatenate(parts))
    np.testing.assert_array_equal(pairs, np.stack([values, -values], 1))
