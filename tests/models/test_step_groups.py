"""The number of steps of an epoch, and the weights they lead to, whatever `steps_per_execution`."""

import functools
import itertools
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

from rme_tf.core.pipelines import array_batches
from rme_tf.core.resident import rows_of
from rme_tf.models import group_sizes
from rme_tf.models.step_groups import GroupedModel

SIZES = (1, 3, 16, "auto")  # of 7 batches: a part that does not divide them, more than there are, 1, 2 and 4
X = np.arange(28, dtype="float32").reshape(14, 2)


class Fold(GroupedModel):
    """A model whose state depends on each batch and on their order."""

    def __init__(self):
        super().__init__()
        self.state = self.add_weight(name="state", shape=(), initializer="zeros", trainable=False)
        self.steps = self.add_weight(name="steps", shape=(), initializer="zeros", trainable=False)
        self.traces = 0
        self.built = True

    @property
    def metrics(self):
        return []

    def train_step(self, data):
        self.traces += 1
        x = keras.utils.unpack_x_y_sample_weight(data)[0]
        self.steps.assign_add(1.0)
        self.state.assign(0.9 * self.state.value + tf.reduce_sum(tf.cast(x, tf.float32)))
        return {"loss": self.state.value + 0.0, "steps": self.steps.value + 0.0}

    test_step = train_step

    def call(self, x):
        return tf.cast(x, tf.float32) + 1.0


class Batches(keras.utils.PyDataset):
    def __len__(self):
        return 7

    def __getitem__(self, index):
        return (X[2 * index :][:2],)


class Indices(keras.callbacks.Callback):
    """The last step of each group, as callbacks are told."""

    def __init__(self):
        super().__init__()
        self.train, self.test, self.predict = [], [], []

    def on_train_batch_end(self, batch, logs=None):
        self.train.append(batch)

    def on_test_batch_end(self, batch, logs=None):
        self.test.append(batch)

    def on_predict_batch_end(self, batch, logs=None):
        self.predict.append(batch)


def batched():
    return tf.data.Dataset.from_tensor_slices(X).batch(2)


def of_unknown_length():
    return batched().filter(lambda x: tf.reduce_sum(x) >= 0.0)


def generated():
    for index in itertools.count():
        yield (X[2 * (index % 7) :][:2],)


DATA = {  # name: data and, of the ones of 7 batches, none but those that need it, the number of steps of an epoch
    "array": lambda: {"x": X, "batch_size": 2},
    "array, some": lambda: {"x": X, "batch_size": 2, "steps": 5},
    "rows": lambda: {"x": array_batches(X, 2)},
    "rows, some": lambda: {"x": array_batches(X, 2), "steps": 5},
    "rows with a rest": lambda: {"x": array_batches(X[:13], 2), "steps": 8},
    "dataset": lambda: {"x": batched()},
    "dataset, some": lambda: {"x": batched(), "steps": 5},
    "unending dataset": lambda: {"x": batched().repeat().shuffle(9, seed=3), "steps": 7},
    "dataset of unknown length": lambda: {"x": of_unknown_length()},
    "dataset of unknown length, some": lambda: {"x": of_unknown_length(), "steps": 5},
    "PyDataset": lambda: {"x": Batches()},
    "PyDataset, some": lambda: {"x": Batches(), "steps": 4},
    "generator": lambda: {"x": generated(), "steps": 7},
}
every_kind = pytest.mark.parametrize("kind", sorted(DATA))


def compiled(size, **options):
    model = Fold()
    model.compile(steps_per_execution=1 if size == "auto" else size, **options)
    model.chooses_steps = size == "auto"
    return model


@pytest.fixture(autouse=True)
def _steps_are_quick(monkeypatch):
    monkeypatch.setattr(group_sizes, "SECONDS", 1e3)


@functools.cache
def fitted(kind, size, **options):
    """Returns the model and the logs of three epochs, which the tests share."""
    data = DATA[kind]()
    model, indices = compiled(size, **options), Indices()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Your input ran out of data")
        fit_options = {"steps_per_epoch": data.pop("steps", None), "shuffle": False, "callbacks": [indices]}
        with model.groups_of_fit([]):
            history = model.fit(**data, **fit_options, epochs=3, verbose=0).history
    return model, history, indices


@pytest.mark.slow
@every_kind
def test_the_steps_of_a_training_are_those_of_single_steps(kind):
    model, history, _ = fitted(kind, 1)
    for size in SIZES[1:]:
        other, other_history, _ = fitted(kind, size)
        assert other.steps.numpy() == model.steps.numpy()
        assert other.state.numpy() == model.state.numpy()
        assert other_history == history


@pytest.mark.slow
@every_kind
def test_the_steps_of_an_evaluation_are_those_of_single_steps(kind):
    results = []
    for size in SIZES:
        data = DATA[kind]()
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Your input ran out of data")
            model = compiled(size)
            with model.groups_of_evaluation():
                results.append(model.evaluate(**data, verbose=0, return_dict=True))
    assert results == [results[0]] * len(SIZES)


@pytest.mark.slow
@every_kind
def test_the_steps_of_a_prediction_are_those_of_single_steps(kind):
    expected = None
    for size in SIZES:
        data, model = DATA[kind](), compiled(size)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Your input ran out of data")
            result = model.predict(**data, verbose=0)
        expected = result if expected is None else expected
        np.testing.assert_array_equal(result, expected)
        assert model.steps_per_execution == (1 if size == "auto" else size)  # for what comes next


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["array", "rows", "unending dataset", "PyDataset", "generator"])
def test_callbacks_are_told_the_last_step_of_each_group(kind):
    ends = {1: list(range(7)), 3: [2, 5, 6], 7: [6], 16: [6]}
    for size, expected in ends.items():
        _, _, indices = fitted(kind, size)
        assert indices.train == expected * 3
    _, _, indices = fitted(kind, "auto")
    assert indices.train == [0, 2, 6, *[6] * 2]  # groups of 1, 2 and 4 steps, then of 8


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["uint8", "int32", "float64"])
def test_rows_of_every_kind_are_the_batches_of_the_data_set(dtype):
    dataset, models = array_batches(X.astype(dtype), 2, shuffle=True), []
    for data in (dataset, dataset.map(lambda x: x)):
        keras.utils.set_random_seed(2)
        model = compiled("auto")
        with model.groups_of_fit([]):
            model.fit(data, epochs=2, shuffle=False, verbose=0)
        models.append(model)
    assert models[0].state.numpy() == models[1].state.numpy() != 0.0


@pytest.mark.parametrize("kind", ["rows", "rows, some", "rows with a rest"])
def test_rows_on_the_device_are_the_batches_of_the_data_set(kind):
    data = DATA[kind]()
    assert rows_of(data["x"]) is not None
    model, history, _ = fitted(kind, "auto")
    other = compiled(1)
    plain = {"x": data["x"].map(lambda x: x), "steps_per_epoch": data.get("steps"), "shuffle": False}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Your input ran out of data")
        assert other.fit(**plain, epochs=3, verbose=0).history == history
    assert other.state.numpy() == model.state.numpy()


@pytest.mark.parametrize("kind", ["dataset", "unending dataset", "dataset of unknown length"])
def test_validation_begins_anew_in_each_epoch_and_ends_in_time(kind):
    def history(size):
        validation, indices = DATA[kind](), Indices()
        options = {"validation_data": validation["x"], "validation_steps": 5, "epochs": 2, "verbose": 0}
        values = compiled(size).fit(batched(), **options, shuffle=False, callbacks=[indices]).history
        return values, indices.test

    expected, indices = history(1)
    assert indices == [0, 1, 2, 3, 4] * 2
    assert expected["val_steps"] == [12.0, 24.0]
    values, indices = history(3)
    assert values == expected
    assert indices == [2, 4] * 2


def test_data_that_end_within_an_epoch_begin_anew_after_it():
    """Of 7 batches and 4 steps an epoch the second has 3, whose end Keras says, and the third 4 again."""
    for size in SIZES:
        model, seen = compiled(size), []
        count = keras.callbacks.LambdaCallback(on_epoch_end=lambda _, logs, seen=seen: seen.append(logs["steps"]))
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Your input ran out of data")
            model.fit(batched(), steps_per_epoch=4, epochs=4, shuffle=False, verbose=0, callbacks=[count])
        assert seen == [4.0, 7.0, 11.0, 14.0]


@pytest.mark.parametrize("options", [{"run_eagerly": True}, {"jit_compile": True}], ids=str)
@pytest.mark.parametrize("kind", ["unending dataset", "rows"])
def test_every_way_to_execute_takes_the_same_steps(kind, options):
    expected, _, _ = fitted(kind, 1)
    model, _, indices = fitted(kind, 3, **options)
    assert model.steps.numpy() == 21.0
    assert model.state.numpy() == pytest.approx(float(expected.state.numpy()), rel=1e-6)  # of fused float32 operations
    assert indices.train == [2, 5, 6] * 3


def test_the_last_group_is_not_traced_again():
    for kind, size in itertools.product(("unending dataset", "rows with a rest"), (1, 3, "auto")):
        model, _, _ = fitted(kind, size)
        assert model.traces == 1


def test_a_batch_alone_is_one_step():
    model = compiled(5)
    assert model.train_on_batch(X[:2], return_dict=True)["steps"] == 1.0
    assert model.test_on_batch(X[:2], return_dict=True)["steps"] == 2.0
    np.testing.assert_array_equal(model.predict_on_batch(X[:2]), X[:2] + 1.0)


@pytest.mark.parametrize("size", [0, -1, 2.0, "automatic", None, True])
def test_a_size_that_is_no_count_is_refused(tiny_model, size):
    with pytest.raises(ValueError, match="`steps_per_execution` must be an integer of at least 1"):
        tiny_model(1).compile("sgd", "elbo", steps_per_execution=size)
