"""Every setting of every algorithm: it changes the training, or it is refused."""

import dataclasses
import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from conftest import build_tiny_model
from rme_tf import ELBO, FreeBits
from rme_tf.algorithms import ALGORITHMS, Aggressive, Algorithm, BoundAlgorithm
from rme_tf.algorithms.base import ascend
from rme_tf.algorithms.capabilities import SETTINGS
from rme_tf.algorithms.kl_annealing import LinearAnnealing
from rme_tf.posteriors import RecursiveMixing, UniformMixing

pytestmark = pytest.mark.usefixtures("eagerly")

X = np.random.default_rng(1).integers(0, 2, size=(3, 5)).astype("float32")


@dataclasses.dataclass(frozen=True, kw_only=True)
class OneMethod(BoundAlgorithm):
    """An algorithm of a user, who writes the bound and nothing else."""

    def bound(self, log_joint, log_mixture_density, log_alpha):
        weights = tf.exp(0.5 * (log_joint - log_mixture_density) + log_alpha)
        return 2.0 * tf.math.log(tf.reduce_mean(tf.reduce_sum(weights, axis=-1), axis=0))


@dataclasses.dataclass(frozen=True, kw_only=True)
class HandWritten(Algorithm):
    """An algorithm of a user, who writes a step that knows of no setting."""

    def step(self, model, x, seed):
        def objective():
            log_probs = model.log_probs(x, seed=seed, training=True)
            return tf.reduce_sum(log_probs.log_lik + log_probs.log_prior, axis=[0, 2]), log_probs

        return ascend(model, model.trainable_variables, objective)


TRAINED = {**ALGORITHMS, "one method": OneMethod, "hand-written": HandWritten}
every_algorithm = pytest.mark.parametrize("name", sorted(TRAINED))
# Setting -> arguments of the algorithm, and choices of the model.
ASKED = {
    "num_samples": ({"num_samples": 7}, {}),
    "warm_start_epochs": ({"warm_start_epochs": 2}, {}),
    "kl_weight": ({"kl_weight": 0.1}, {}),
    "free_bits": ({"free_bits": FreeBits(nats=50.0)}, {}),
    "aggressive": ({"aggressive": Aggressive(max_steps=5)}, {}),
    "components_per_step": ({"components_per_step": 1}, {}),
    "learned_mixing": ({}, {"mixing": "learned"}),
    "mixing_penalty": ({}, {"mixing": "pulled"}),
    "refinement": ({}, {"refinement": "dsvi", "refinement_options": {"steps": 2}}),
}
MIXINGS = {
    "learned": RecursiveMixing,
    "pulled": functools.partial(RecursiveMixing, uniform_pull=5.0),
    "uniform": UniformMixing,
}
# Argument of a single algorithm -> another value than its default, and other arguments that it takes to matter.
OTHER = {
    "bound": ("clamp", {"kl_bound": 0.5}),
    "decoder_weights": ("uniform", {}),
    "estimator": ("s2s", {}),
    "gradient": ("dreg", {}),
    "kl_bound": (0.5, {}),
    "polish_epoch": (1, {}),
    "update": ("sequential", {}),
    "warm_start_noise": (0.5, {"warm_start_epochs": 1}),
    "weights_from_polish": (True, {"polish_epoch": 1}),
}


def trained(cls, options, **choices):
    """The weights after an epoch of one step, and another one."""
    mixing = choices.pop("mixing", "learned" if "learned_mixing" in cls.honors else "uniform")
    model = build_tiny_model(2, mixing=MIXINGS[mixing](), **choices)
    model.compile(keras.optimizers.SGD(0.1), cls(**{"warm_start_epochs": 0, **options}))
    for epoch in range(2):
        model.epochs_trained.assign(epoch)
        model.begin_epoch()
        model.train_step(X)
    return [weight.numpy() for network in (*model.encoders, model.decoder) for weight in network.weights]


@functools.cache
def trained_plainly(name, **options):
    return trained(TRAINED[name], options)


def differ(first, second):
    return any((a != b).any() for a, b in zip(first, second, strict=True))


def test_there_is_an_example_of_every_setting():
    assert ASKED.keys() == SETTINGS


@every_algorithm
@pytest.mark.parametrize("setting", sorted(ASKED))
def test_a_setting_changes_the_training_or_is_refused(name, setting):
    cls, (options, choices) = TRAINED[name], ASKED[setting]
    if setting == "learned_mixing" and setting in cls.honors:
        return  # see `test_one_epoch_moves_every_weight_and_logs_finite_numbers`
    if setting in cls.honors:
        assert differ(trained(cls, options, **choices), trained_plainly(name))
    else:
        with pytest.raises(ValueError, match="(?s)Expected.*"):
            trained(cls, options, **choices)


@pytest.mark.slow
@every_algorithm
def test_an_argument_of_its_own_changes_the_training_or_is_refused(name):
    shared = {field.name for field in dataclasses.fields(Algorithm)} - {"warm_start_noise"}
    for field in dataclasses.fields(TRAINED[name]):
        number = isinstance(field.default, int | float)
        if field.name in shared or not (number or field.name in OTHER):
            continue
        value, context = OTHER[field.name] if field.name in OTHER else (field.default + 1, {})
        try:
            pair = trained(TRAINED[name], {**context, field.name: value}), trained_plainly(name, **context)
        except ValueError as error:
            assert "Received" in str(error)
        else:
            assert differ(*pair), field.name


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"free_bits": FreeBits(nats=50.0)}, r"`free_bits` is a floor .* HandWritten does not honor. Expected: None"),
        ({"kl_weight": LinearAnnealing(steps=3)}, r"`kl_weight` .* Expected: 1.0. Received: LinearAnnealing.*`honors`"),
        ({"num_samples": 2}, r"`num_samples` .* Expected: 1. Received: 2. .* has 'num_samples' in its `honors`"),
    ],
)
def test_a_step_without_a_setting_refuses_it_when_it_is_made(options, message):
    with pytest.raises(ValueError, match=message):
        HandWritten(**options)


def test_parts_of_a_model_are_refused_when_it_is_compiled(monkeypatch):
    model = build_tiny_model(2, mixing=RecursiveMixing(uniform_pull=0.1))
    with pytest.raises(ValueError, match="HandWritten does not train mixing weights. Expected mixing='uniform'"):
        model.compile("sgd", HandWritten())
    monkeypatch.setattr(HandWritten, "honors", frozenset({"learned_mixing"}))
    with pytest.raises(ValueError, match="RecursiveMixing has a penalty .* HandWritten does not honor"):
        model.compile("sgd", HandWritten())
    model = build_tiny_model(2, refinement="sa", refinement_options={"steps": 1})
    with pytest.raises(ValueError, match="HandWritten does not train a model with a refinement"):
        model.compile("sgd", HandWritten())
    build_tiny_model(1, mixing=RecursiveMixing(uniform_pull=0.1)).compile("sgd", HandWritten())  # of one weight: zero


def test_a_new_step_inherits_no_promises():
    """They were made for the step of the base class."""

    class Stepping(ELBO):
        def step(self, model, x, seed):
            return super().step(model, x, seed)

    class Declared(Stepping):
        honors = ELBO.honors

    with pytest.raises(ValueError, match="`kl_weight` .* Stepping does not honor"):
        Stepping(kl_weight=0.5)
    assert Declared(kl_weight=0.5).kl_weight == 0.5


def test_only_settings_can_be_honored():
    with pytest.raises(ValueError, match="`honors` of Misspelt .*'free_bits'.* Received: .'freebits'"):
        type("Misspelt", (BoundAlgorithm,), {"honors": frozenset({"freebits"})})
