"""The number of steps of an epoch, and the weights they lead to, whatever `steps_per_execution`."""

import itertools
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

import processes
from rme_tf import VAE, RecursiveMixture
from rme_tf.callbacks import ResumableCheckpoint
from rme_tf.models.step_groups import GroupedModel

SIZES = (1, 3, 16)  # of 7 batches: a part that does not divide them, more than there are
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
    model.compile(steps_per_execution=size, **options)
    return model


def fitted(kind, size, **options):
    """Returns the model and the logs of three epochs."""
    data = DATA[kind]()
    model, indices = compiled(size, **options), Indices()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Your input ran out of data")
        fit_options = {"steps_per_epoch": data.pop("steps", None), "shuffle": False, "callbacks": [indices]}
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
            results.append(compiled(size).evaluate(**data, verbose=0, return_dict=True))
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
        assert model.steps_per_execution == size  # for what comes next


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["array", "unending dataset", "PyDataset", "generator"])
def test_callbacks_are_told_the_last_step_of_each_group(kind):
    ends = {1: list(range(7)), 3: [2, 5, 6], 7: [6], 16: [6]}
    for size, expected in ends.items():
        _, _, indices = fitted(kind, size)
        assert indices.train == expected * 3


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
def test_every_way_to_execute_takes_the_same_steps(options):
    expected, _, _ = fitted("unending dataset", 1)
    model, _, indices = fitted("unending dataset", 3, **options)
    assert model.steps.numpy() == 21.0
    assert model.state.numpy() == pytest.approx(float(expected.state.numpy()), rel=1e-6)  # of fused float32 operations
    assert indices.train == [2, 5, 6] * 3


def test_the_last_group_is_not_traced_again():
    for size in (1, 3):
        model, _, _ = fitted("unending dataset", size)
        assert model.traces == 1


def test_a_batch_alone_is_one_step():
    model = compiled(5)
    assert model.train_on_batch(X[:2], return_dict=True)["steps"] == 1.0
    assert model.test_on_batch(X[:2], return_dict=True)["steps"] == 2.0
    np.testing.assert_array_equal(model.predict_on_batch(X[:2]), X[:2] + 1.0)


@pytest.mark.parametrize("size", [0, -1, 2.0, "auto", None, True])
def test_a_size_that_is_no_count_is_refused(tiny_model, size):
    with pytest.raises(ValueError, match="`steps_per_execution` must be an integer of at least 1"):
        tiny_model(1).compile("sgd", "elbo", steps_per_execution=size)


@pytest.mark.slow
def test_a_resumed_training_is_the_whole_one_bit_by_bit(tiny_model, binary_data, tmp_path):
    """Of 3 steps an epoch, in groups of 2 and of single steps."""
    x = binary_data(12)

    def trained(size, cuts):
        for epochs in cuts:
            model = tiny_model(1)
            model.compile("adam", "elbo", steps_per_execution=size)
            checkpoint = ResumableCheckpoint(model, tmp_path / f"{size}_{len(cuts)}")
            data = tf.data.Dataset.from_tensor_slices(x).batch(4).repeat()
            schedule = {"initial_epoch": checkpoint.epoch, "epochs": epochs, "steps_per_epoch": 3}
            model.fit(data, **schedule, verbose=0, callbacks=[checkpoint])
        assert int(model.optimizer.iterations) == 3 * cuts[-1]
        return model.get_weights()

    expected = trained(1, [3])
    for cuts in ([3], [2, 3]):
        for value, right in zip(trained(2, cuts), expected, strict=True):
            np.testing.assert_array_equal(value, right)


@pytest.mark.slow
def test_a_recursive_mixture_is_the_same_whatever_the_groups(tiny_model, binary_data):
    x, results = binary_data(11), []
    for size in (1, 3):
        model = tiny_model(2, mixing="learned")
        model.compile("adam", RecursiveMixture(warm_start_epochs=1), steps_per_execution=size)
        history = model.fit(x, validation_data=x, batch_size=3, epochs=2, verbose=0).history
        results.append([*model.get_weights(), *history.values()])
    for value, right in zip(*results, strict=True):
        np.testing.assert_array_equal(value, right)


def train_on_two_replicas():
    """Prints, for groups of one and of three steps, how many steps two epochs take, and the losses."""
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    data = tf.data.Dataset.from_tensor_slices(np.eye(8, 5, dtype="float32")).batch(2).repeat()
    for size in (1, 3):
        keras.utils.set_random_seed(0)
        with strategy.scope():
            options = {"encoder_options": {"units": (4,)}, "decoder_options": {"units": (4,)}}
            model = VAE.from_names(encoder="mlp", decoder="mlp", **options, input_shape=(5,), latent_dim=2, seed=0)
            model.compile("sgd", "elbo", steps_per_execution=size, jit_compile=False)
        losses = model.fit(data, steps_per_epoch=4, epochs=2, verbose=0).history["loss"]
        print("result:", int(strategy.experimental_local_results(model.optimizer.iterations.value)[0]), losses)


@pytest.mark.slow
def test_replicas_take_the_same_steps(tmp_path):
    log = tmp_path / "log.txt"
    printed = processes.finish(processes.start(log, tmp_path, train_on_two_replicas), log)
    results = [line for line in printed.splitlines() if line.startswith("result:")]
    assert len(results) == 2
    assert results[0].startswith("result: 8 ")
    assert results[1] == results[0]
