"""What an optimizer keeps as a copy of weights follows them, whatever replaces them; the rest of its memory stays."""

import keras
import numpy as np
import pytest

from rme_tf import ELBO, RecursiveMixture
from rme_tf.callbacks import HalveOnPlateau, ResetDecoder, ResumableCheckpoint
from rme_tf.core.optimizer_state import copying_slots
from rme_tf.networks import COMPONENT_NETWORKS

pytestmark = pytest.mark.usefixtures("eagerly")


class Lookahead(keras.optimizers.SGD):
    """Another's: slow weights that the fast ones are drawn to; kept in a list of its own, without Keras's help."""

    def build(self, variables):
        super().build(variables)
        self.slow = [self.add_variable(v.shape, lambda *_, v=v, **__: v.value, name="slow") for v in variables]


COPYING = {
    "averages": lambda: keras.optimizers.Adam(0.01, use_ema=True, ema_momentum=0.5),
    "averages, mixed_float16": lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1, use_ema=True)),
    "lookahead": lambda: Lookahead(0.1, momentum=0.9),
    "schedule-free": keras.optimizers.ScheduleFreeAdamW,
}
copying = pytest.mark.parametrize("make", COPYING.values(), ids=COPYING)


def marked(model, make, algorithm=None):
    """Compiles; makes every copy differ from its weight, as after some updates."""
    model.compile(make(), algorithm or ELBO())
    inner = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    inner._iterations.assign(5)
    for slot in copying_slots(model.optimizer):
        slot.variable.assign(slot.weight + 1.0)
    return model


def check_followed(model, replaced, before):
    """The copies of the replaced weights, and no others, are at these weights."""
    found, replaced = copying_slots(model.optimizer), {id(weight) for weight in replaced}
    assert {id(slot.weight) for slot in found} == {id(weight) for weight in model.trainable_variables}
    assert replaced
    for slot in found:
        expected = slot.weight.numpy() if id(slot.weight) in replaced else before[id(slot.weight)] + 1.0
        np.testing.assert_array_equal(slot.variable.numpy(), expected, err_msg=slot.weight.path)


def values(model):
    return {id(weight): weight.numpy() for weight in model.trainable_variables}


@pytest.mark.parametrize("name", ["Adadelta", "Adafactor", "Adam", "Ftrl", "Lamb", "Muon", "Nadam", "RMSprop", "SGD"])
def test_momentum_is_no_copy(tiny_model, name):
    model = tiny_model(1)
    model.compile(getattr(keras.optimizers, name)(), ELBO())
    assert copying_slots(model.optimizer) == []


@copying
def test_copies_are_found_in_an_optimizer_that_another_has_built(tiny_model, make):
    model, optimizer = tiny_model(1), make()
    optimizer.build(model.trainable_variables)
    model.compile(optimizer, ELBO())
    kept = {id(variable) for variable in optimizer.variables}
    found = copying_slots(optimizer)
    assert [id(slot.weight) for slot in found] == [id(weight) for weight in model.trainable_variables]
    assert {id(slot.variable) for slot in found} <= kept


@copying
def test_copies_follow_a_decoder_that_begins_anew(tiny_model, make):
    model = marked(tiny_model(2), make)
    before, callback = values(model), ResetDecoder(2)
    callback.set_model(model)
    callback.on_epoch_begin(2)
    check_followed(model, model.decoder.trainable_variables, before)


@copying
def test_copies_follow_encoders_at_the_end_of_the_warm_start(tiny_model, make):
    model = marked(tiny_model(3), make, RecursiveMixture(warm_start_epochs=1))
    model.num_active.assign(1)
    model.epochs_trained.assign(1)
    before = values(model)
    model.begin_epoch()
    check_followed(model, [w for encoder in model.encoders[1:] for w in encoder.trainable_variables], before)


@pytest.mark.slow
@pytest.mark.parametrize("trunk", sorted(COMPONENT_NETWORKS))
def test_copies_follow_one_network_of_all_components_at_the_end_of_the_warm_start(tiny_model, trunk):
    model = marked(tiny_model(3, trunk=trunk), COPYING["averages"], RecursiveMixture(warm_start_epochs=1))
    model.num_active.assign(1)
    model.epochs_trained.assign(1)
    before = values(model)
    model.begin_epoch()
    replaced = [w for w in model.trunk.trainable_variables if (before[id(w)] != w.numpy()).any()]
    if not replaced:  # of a recurrent network the components have no weights of their own
        assert trunk == "recurrent"
        replaced = []
    found = {id(slot.weight): slot.variable.numpy() for slot in copying_slots(model.optimizer)}
    for weight in model.trainable_variables:
        moved = any(weight is each for each in replaced)
        np.testing.assert_array_equal(found[id(weight)], weight.numpy() if moved else before[id(weight)] + 1.0)


@copying
def test_copies_follow_mixing_weights_that_wait_for_the_polish(tiny_model, make):
    algorithm = RecursiveMixture(warm_start_epochs=0, polish_epoch=2, weights_from_polish=True)
    model = marked(tiny_model(2, mixing="learned"), make, algorithm)
    before = values(model)
    model.begin_epoch()
    replaced = [w for w in model.mixing_network.trainable_variables if (before[id(w)] != w.numpy()).any()]
    check_followed(model, replaced, before)


@copying
def test_copies_follow_pseudo_inputs_that_become_observations(tiny_model, binary_data, make):
    model = marked(tiny_model(1, prior="vamp", prior_options={"num_components": 3}), make)
    before = values(model)
    model.prior.initialize(binary_data(8))
    check_followed(model, [model.prior.raw_inputs], before)


def halving(model, folder, best):
    """Goes through two epochs, one of them the best; None: an epoch in a process before was."""
    callback = HalveOnPlateau(0.1, 5, {"val_elbo": [0.0] if best is None else []}, best=folder)
    callback.set_model(model)
    callback.set_params({"epochs": 2})
    callback.on_train_begin()
    for epoch in (0, 1):
        callback.on_epoch_end(epoch, {"val_elbo": 0.0 if epoch == best else -1.0})
        yield


@copying
def test_the_best_weights_come_back_with_their_copies(tiny_model, tmp_path, make):
    """As they were in that epoch, for those of `use_ema` are what the end of `fit` writes into the weights."""
    model = marked(tiny_model(1), make)
    epochs, before = halving(model, tmp_path, best=0), values(model)
    next(epochs)
    for slot in copying_slots(model.optimizer):
        slot.weight.assign(slot.weight * 0.0)
        slot.variable.assign(slot.variable * 0.0 + 7.0)
    next(epochs)
    for slot in copying_slots(model.optimizer):
        np.testing.assert_array_equal(slot.weight.numpy(), before[id(slot.weight)])
        np.testing.assert_array_equal(slot.variable.numpy(), before[id(slot.weight)] + 1.0)


def test_best_weights_that_were_kept_without_copies_are_followed(tiny_model, tmp_path):
    older = tiny_model(1)
    older.compile("sgd", ELBO())
    next(halving(older, tmp_path, best=0))
    model = marked(tiny_model(1, seed=1), COPYING["averages"])
    before = values(model)
    assert len(list(halving(model, tmp_path, best=None))) == 2
    assert (before[id(model.trainable_variables[0])] != model.trainable_variables[0].numpy()).any()
    check_followed(model, model.trainable_variables, before)


@copying
def test_copies_begin_at_the_weights_of_the_first_update(tiny_model, binary_data, make):
    """Which may be others than those that the model was compiled with."""
    model = tiny_model(1)
    model.compile(make(), ELBO())
    model.set_weights(tiny_model(1, seed=5).get_weights())
    model.make_train_function()
    for slot in copying_slots(model.optimizer):
        np.testing.assert_array_equal(slot.variable.numpy(), slot.weight.numpy())
    model.train_on_batch(binary_data())
    after = [slot.variable.numpy() for slot in copying_slots(model.optimizer)]
    model.make_train_function()  # no more
    for slot, value in zip(copying_slots(model.optimizer), after, strict=True):
        np.testing.assert_array_equal(slot.variable.numpy(), value)


@pytest.mark.parametrize("optimizer", ["averages", "schedule-free"])
def test_a_schedule_free_optimizer_trains_as_where_it_is_built_late(tiny_model, binary_data, optimizer):
    """As Keras builds one: in the first step, at the weights of then."""
    x, ends = binary_data(8), []
    for late in (False, True):
        model = tiny_model(1)
        if not late:
            model.compile(COPYING[optimizer](), ELBO())
        model.set_weights(tiny_model(1, seed=5).get_weights())
        if late:
            model.compile(COPYING[optimizer](), ELBO())
        model.fit(x, batch_size=4, epochs=2, shuffle=False, verbose=0)
        ends.append(model.get_weights())
    for a, b in zip(*ends, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "cut"), [("averages, mixed_float16", 2), ("averages", 3), ("schedule-free", 2)])
def test_a_resumed_training_ends_as_the_whole_one_does(tiny_model, binary_data, tmp_path, name, cut):
    """Through a warm start and a new decoder, and past the end, where `fit` writes averages into the weights."""
    x, ends = binary_data(8), []
    for stops in ([3], [cut, 3]):
        for stop in stops:
            model = tiny_model(2)
            model.compile(COPYING[name](), RecursiveMixture(warm_start_epochs=1))
            checkpoint = ResumableCheckpoint(model, tmp_path / str(len(stops)))
            callbacks = [ResetDecoder(2), checkpoint]
            options = {"shuffle": False, "verbose": 0, "callbacks": callbacks}
            model.fit(x, epochs=stop, initial_epoch=checkpoint.epoch, **options)
        ends.append([*model.get_weights(), *(v.numpy() for v in model.optimizer.variables)])
    for a, b in zip(*ends, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.slow
def test_validation_is_of_the_raw_weights_and_the_end_of_the_averages(tiny_model, binary_data):
    """As Keras has it: `fit` writes the averages into the weights when it ends."""
    x, seen = binary_data(8), {}
    model = tiny_model(1)
    model.compile(keras.optimizers.SGD(0.5, use_ema=True, ema_momentum=0.9), ELBO())

    class Raw(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen["raw"], seen["elbo"] = self.model.get_weights(), logs["val_elbo"]
            seen["averages"] = [slot.variable.numpy() for slot in copying_slots(self.model.optimizer)]

    model.fit(x, batch_size=4, epochs=1, validation_data=(x,), verbose=0, callbacks=[Raw()])
    for weight, average in zip(model.trainable_variables, seen["averages"], strict=True):
        np.testing.assert_array_equal(weight.numpy(), average)
    at_the_end = model.evaluate(x, batch_size=4, verbose=0, return_dict=True)["elbo"]
    model.set_weights(seen["raw"])
    assert model.evaluate(x, batch_size=4, verbose=0, return_dict=True)["elbo"] == seen["elbo"] != at_the_end
