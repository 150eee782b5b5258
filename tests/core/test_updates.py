"""One update of the optimizer a step, or one for several minibatches: gradients, schedules and averages agree."""

import keras
import numpy as np
import pytest

from rme_tf import ELBO, Boosted, ImportanceWeighted, LinearAnnealing, RecursiveMixture, SubsetELBO
from rme_tf.algorithms import ALGORITHMS, Aggressive
from rme_tf.algorithms.aggressive import InnerLoop
from rme_tf.algorithms.free_bits import FreeBits
from rme_tf.core.optimizer_state import copying_slots
from rme_tf.refinements import REFINEMENTS

pytestmark = pytest.mark.usefixtures("eagerly")

FROM_THE_START = {"warm_start_epochs": 0}
LEARNED = {"mixing": "learned"}
# What trains -> (algorithm, choices of the model, components that have joined, phase).
TRAININGS = {
    **{name: (cls(**FROM_THE_START), {}, 2, 0) for name, cls in ALGORITHMS.items()},
    "warm start": (RecursiveMixture(), {}, 1, 0),
    "polish": (RecursiveMixture(warm_start_epochs=0, polish_epoch=1), {}, 2, 1),
    "learned weights": (RecursiveMixture(**FROM_THE_START), LEARNED, 2, 0),
    "weights that wait": (
        RecursiveMixture(**FROM_THE_START, polish_epoch=1, weights_from_polish=True),
        LEARNED,
        2,
        0,
    ),
    "free bits": (Boosted(**FROM_THE_START, free_bits=FreeBits(nats=0.5)), {}, 2, 0),
    "annealed": (SubsetELBO(kl_weight=LinearAnnealing(steps=4, start=0.5)), {}, 2, 0),
    "one trunk": (ImportanceWeighted(num_samples=2), {"trunk": "shared"}, 2, 0),
}
SEQUENTIAL = RecursiveMixture(**FROM_THE_START, update="sequential")
REFINED = {
    name: (ELBO(), {"num_components": 1, "refinement": name, "refinement_options": {"steps": 1}}, 1, 0)
    for name in REFINEMENTS
}


def compiled(tiny_model, training, optimizer):
    algorithm, choices, joined, phase = training
    model = tiny_model(**{"num_components": 2, **choices})
    model.compile(optimizer, algorithm)
    model.active_components, model.phase = joined, phase
    return model


def values(model):
    return [weight.numpy() for weight in model.trainable_variables]


@pytest.mark.slow
@pytest.mark.parametrize("training", [*TRAININGS.values(), *REFINED.values()], ids=[*TRAININGS, *REFINED])
def test_an_accumulated_update_is_that_of_the_mean_gradient(tiny_model, binary_data, training):
    """Of plain SGD: the mean of the updates by each minibatch, from the same weights and with the same noise."""
    batches = [binary_data(3), binary_data(3)]
    optimizer = keras.optimizers.SGD(0.5, gradient_accumulation_steps=2)
    scaled = training is TRAININGS["recursive_mixture"]  # as mixed precision has it
    model = compiled(tiny_model, training, keras.optimizers.LossScaleOptimizer(optimizer) if scaled else optimizer)
    for batch in batches:
        model.train_step(batch)
    assert int(model.optimizer.iterations) == 1

    plain = compiled(tiny_model, training, keras.optimizers.SGD(0.5))
    start, ends = values(plain), []
    for batch in batches:
        for weight, value in zip(plain.trainable_variables, start, strict=True):
            weight.assign(value)
        plain.optimizer.iterations.assign(0)  # what waits has not been learned, and is no step of a schedule
        plain.train_step(batch)
        ends.append(values(plain))
    for weight, first, second in zip(model.trainable_variables, *ends, strict=True):
        np.testing.assert_allclose(weight.numpy(), (first + second) / 2, rtol=1e-4, atol=2e-5, err_msg=weight.path)
    assert any((a != b).any() for a, b in zip(start, values(model), strict=True))


def test_the_paper_s_loop_cannot_wait_for_an_update(tiny_model):
    for wrap in (lambda optimizer: optimizer, keras.optimizers.LossScaleOptimizer):
        model = tiny_model(2)
        with pytest.raises(ValueError, match="`gradient_accumulation_steps`.*or `update='joint'`. Received: 4 steps"):
            model.compile(wrap(keras.optimizers.SGD(0.1, gradient_accumulation_steps=4)), SEQUENTIAL)
        assert not model.compiled


def test_a_schedule_counts_updates(tiny_model, binary_data):
    """Four steps are twelve minibatches here; Keras's `iterations` is no variable then."""
    seen = []

    class Noting(ELBO):
        def kl_weight_now(self, model):
            weight = super().kl_weight_now(model)
            seen.append(float(weight))
            return weight

    model = tiny_model(1)
    optimizer = keras.optimizers.SGD(0.1, gradient_accumulation_steps=3)
    model.compile(optimizer, Noting(kl_weight=LinearAnnealing(steps=4)))
    for _ in range(15):
        model.train_step(binary_data(2))
    assert seen == [0.0] * 3 + [0.25] * 3 + [0.5] * 3 + [0.75] * 3 + [1.0] * 3


def test_an_inner_loop_counts_updates():
    """Windows of two updates of two minibatches; the decoder moves in every minibatch of an update, or in none."""
    loop, optimizer, moves = InnerLoop(), keras.optimizers.SGD(gradient_accumulation_steps=2), []
    for bound in [1, 0, 2, 0, 1, 0, 1, 0, 5, 5, 9, 9]:  # sums of updates: 1 + 2, 1 + 1: no better
        moves.append(bool(loop.due()))
        optimizer._iterations.assign_add(1)
        loop.advance(float(bound), Aggressive(window=2), optimizer)
    assert moves == [False] * 8 + [True] * 2 + [False] * 2


@pytest.mark.slow
def test_a_decoder_that_waits_moves_by_whole_updates(tiny_model, binary_data):
    model = tiny_model(1)
    optimizer = keras.optimizers.SGD(0.1, gradient_accumulation_steps=2)
    model.compile(optimizer, ELBO(aggressive=Aggressive(max_steps=2)))
    moved, decoder = [], model.decoder.get_weights()[0]
    for _ in range(8):
        model.train_step(binary_data(2))
        moved.append(bool((decoder != model.decoder.get_weights()[0]).any()))
        decoder = model.decoder.get_weights()[0]
    assert moved == [False] * 5 + [True] + [False] * 2
    assert not optimizer._accumulated_gradients[-1].numpy().any()


AVERAGED = {
    "recursive_mixture": TRAININGS["recursive_mixture"],
    "sequential": (SEQUENTIAL, {}, 2, 0),
    "sequential, learned weights": (SEQUENTIAL, {**LEARNED, "trunk": "shared"}, 2, 0),
    "sequential, aggressive": (
        RecursiveMixture(**FROM_THE_START, update="sequential", aggressive=Aggressive()),
        {},
        2,
        0,
    ),
    "aggressive": (ELBO(aggressive=Aggressive()), {}, 1, 0),
}


@pytest.mark.parametrize("training", AVERAGED.values(), ids=AVERAGED)
def test_a_step_moves_the_averages_once(tiny_model, binary_data, training):
    optimizer = keras.optimizers.SGD(0.5, use_ema=True, ema_momentum=0.75)
    model = compiled(tiny_model, training, optimizer)
    model.train_step(binary_data(3))
    average = {id(slot.weight): slot.variable for slot in copying_slots(optimizer)}
    for weight in model.trainable_variables:  # Keras's averages begin with the first update
        np.testing.assert_array_equal(average[id(weight)].numpy(), weight.numpy())
    before = {key: variable.numpy() for key, variable in average.items()}
    model.train_step(binary_data(3))
    assert int(optimizer.iterations) == 2
    for weight in model.trainable_variables:
        expected = 0.75 * before[id(weight)] + 0.25 * weight.numpy()
        np.testing.assert_allclose(average[id(weight)].numpy(), expected, atol=1e-6, err_msg=weight.path)
    assert any((before[id(weight)] != average[id(weight)].numpy()).any() for weight in model.trainable_variables)


@pytest.mark.parametrize("scaled", [False, True], ids=["float32", "scaled loss"])
def test_averages_are_written_over_the_weights_as_often_as_they_should(tiny_model, binary_data, scaled):
    """In every second step, whether it is one application of gradients or several."""
    for algorithm in (RecursiveMixture(**FROM_THE_START), SEQUENTIAL):
        optimizer = keras.optimizers.SGD(0.5, use_ema=True, ema_momentum=0.75, ema_overwrite_frequency=2)
        model, written = tiny_model(2), []
        model.compile(keras.optimizers.LossScaleOptimizer(optimizer) if scaled else optimizer, algorithm)
        for _ in range(4):
            model.train_step(binary_data(3))
            pairs = [(slot.variable.numpy(), slot.weight.numpy()) for slot in copying_slots(optimizer)]
            written.append(all((a == b).all() for a, b in pairs))
        assert written == [True, True, False, True]  # the first averages are the weights
