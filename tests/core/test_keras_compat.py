"""Each private name of Keras and TFP that the library uses is there, and does what the library takes it to do."""

import ast
import inspect
import pathlib
import re

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from packaging.requirements import Requirement
from packaging.version import Version

from rme_tf.core import keras_compat

ROOT = pathlib.Path(__file__).parents[2]
MODULES = {"keras": keras, "tensorflow": tf, "tensorflow-probability": tfp}


def dense():
    layer = keras.layers.Dense(2)
    layer.build((None, 3))
    return layer


def optimizer(**options):
    made = keras.optimizers.SGD(0.5, **options)
    made.build([keras.Variable([1.0, 2.0])])
    return made


def adam():
    made = keras.optimizers.Adam()
    made.build([keras.Variable([1.0, 2.0]), keras.Variable([3.0])])
    return made


def epochs(steps=None, batches=5, size=2):
    """Keras's iterator of the epochs of a `fit`, as `prepare_epochs` receives it."""
    received = []

    class Model(keras_compat.TrainerHooks):
        def prepare_epochs(self, epochs):
            received.append(epochs)

        def test_step(self, data):
            return {"loss": tf.reduce_sum(data)}

    model = Model()
    model.compile(steps_per_execution=size, run_eagerly=True)
    data = tf.data.Dataset.from_tensor_slices(tf.zeros([batches, 1, 1]))
    model.evaluate(data, steps=steps, verbose=0)
    return received[0]


OBJECTS = {
    "keras.Layer": dense,
    "keras.KerasTensor": lambda: keras.layers.Dense(2)(keras.Input([3])),
    "keras.Model": lambda: keras.Model,
    "keras EpochIterator": epochs,
    "keras.Adam": lambda: adam(),
    "keras.callbacks.ModelCheckpoint": lambda: keras.callbacks.ModelCheckpoint("x.keras"),
    "keras.callbacks.TensorBoard": lambda: keras.callbacks.TensorBoard("x"),
    "keras.Optimizer": lambda: optimizer(use_ema=True),
    "tfp.distributions.Distribution": lambda: tfp.distributions.Distribution,
    "tfp.bijectors.Bijector": lambda: tfp.bijectors.Bijector,
}
POINTS = [(owner, name) for owner, names in keras_compat.EXTENSION_POINTS.items() for name in names]


def lost(owner, name, feature):
    package = "keras" if owner.startswith("keras") else "tensorflow-probability"
    return f"{package} {MODULES[package].__version__}: {owner}.{name} is gone -> {feature}"


@pytest.mark.parametrize(("owner", "name"), keras_compat.USES, ids=".".join)
def test_each_private_name_in_use_is_there(owner, name):
    message = lost(owner, name, keras_compat.USES[owner, name])
    if owner == "keras.Model.evaluate":
        assert name in inspect.getsource(keras.Model.evaluate), message
    else:
        assert hasattr(OBJECTS[owner](), name), message


@pytest.mark.parametrize(("owner", "name"), POINTS, ids=".".join)
def test_each_extension_point_of_tfp_is_there(owner, name):
    kind = OBJECTS[owner]()
    called = name in inspect.getsource(inspect.getmodule(kind))
    assert called, lost(owner, name, "the library's own distributions and bijectors")


def private(name):
    return re.fullmatch(r"_[a-z]\w+", name)


def test_the_table_of_uses_has_every_private_name_in_the_module():
    tree = ast.parse(inspect.getsource(keras_compat))
    used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and private(node.attr)}
    used |= {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and private(node.name)}
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    texts = {node.value for part in functions for node in ast.walk(part) if isinstance(node, ast.Constant)}
    used |= {text for text in texts if isinstance(text, str) and private(text)}
    assert used == {name for _, name in keras_compat.USES}


# What the functions do.


def test_layers_are_found_however_deep():
    inner = keras.Sequential([keras.Input([3]), keras.layers.Dense(2), keras.layers.ReLU()])
    network = keras.Sequential([inner, keras.layers.Dense(1)])
    found = keras_compat.layers_of(network)
    assert found[0] is network
    assert {*inner.layers, *network.layers} <= set(found)


def test_graphs_are_models_of_keras_without_a_subclass():
    class Own(keras.Sequential):
        pass

    inputs = keras.Input([3])
    assert keras_compat.is_graph(keras.Model(inputs, keras.layers.Dense(2)(inputs)))
    assert keras_compat.is_graph(keras.Sequential())
    assert not keras_compat.is_graph(Own())
    assert not keras_compat.is_graph(dense())
    assert keras_compat.is_of_keras(keras.activations.relu)
    assert not keras_compat.is_of_keras(dense)


def test_own_variables_leave_out_the_layers_within():
    layer = keras.layers.BatchNormalization()
    layer.build((None, 3))
    network = keras.Sequential([layer])
    assert keras_compat.own_variables(network) == []
    assert {id(v) for v in keras_compat.own_variables(layer)} == {id(v) for v in layer.variables}


def test_losses_are_cleared():
    layer = keras.layers.Dense(2, activity_regularizer="l2")
    layer(np.ones([1, 3], "float32"))
    assert len(layer.losses) == 1
    keras_compat.clear_losses(layer)
    assert layer.losses == []


def test_the_origin_of_a_tensor_is_the_last_layer_and_its_inputs():
    inputs = keras.Input([3])
    layer = keras.layers.Dense(2)
    outputs = layer(inputs)
    assert keras_compat.origin(outputs) is layer
    assert keras_compat.inputs_of_origin(outputs)[0] is inputs


def test_an_optimizer_knows_its_weights_and_its_lists():
    weight = keras.Variable(np.ones([2]))
    made = keras.optimizers.SGD(0.1, momentum=0.9)
    made.build([weight])
    assert [id(v) for v in keras_compat.weights_of(made)] == [id(weight)]
    lists = keras_compat.lists_of(made)
    assert "momentums" in lists
    assert not any(value is made.variables for value in lists.values())
    assert all(weight is not entry for value in lists.values() for entry in value)


def test_averages_of_the_weights_move_and_are_written_back():
    made = optimizer(use_ema=True, ema_momentum=0.75)
    assert keras_compat.averages_of(optimizer()) == []
    (weight,), (average,) = keras_compat.weights_of(made), keras_compat.averages_of(made)
    keras_compat.move_averages(made)  # the first time to the weights themselves
    np.testing.assert_allclose(average, [1.0, 2.0])
    made.iterations.assign(1)
    weight.assign([5.0, 6.0])
    keras_compat.move_averages(made)
    np.testing.assert_allclose(average, [2.0, 3.0])
    keras_compat.overwrite_with_averages(made)
    np.testing.assert_allclose(weight, [2.0, 3.0])


def test_the_moments_of_a_weight_are_of_its_gradient_and_its_square():
    made = adam()
    weight = keras_compat.weights_of(made)[1]
    made.apply([tf.zeros([2]), tf.constant([4.0])])
    mean, square = keras_compat.moments_of(made, weight)
    np.testing.assert_allclose([mean[0], square[0]], [0.1 * 4.0, 0.001 * 16.0], rtol=1e-5)  # float32


def test_minibatches_are_counted_where_updates_wait():
    made = optimizer(gradient_accumulation_steps=2)
    for count in (1, 2, 3):
        made.apply([tf.ones([2])])
        assert int(keras_compat.minibatches_applied(made)) == count


def test_the_hooks_of_training_are_called():
    calls = []

    class Model(keras_compat.TrainerHooks):
        def prepare_epochs(self, epochs):
            calls.append("epochs")

        def wrapped_function(self, function):
            calls.append("function")
            return function

        def logs_in_order(self, logs):
            return [logs["b"], logs["a"]]

        def test_step(self, data):
            return {"a": tf.constant(1.0), "b": tf.constant(2.0)}

    model = Model()
    model.compile(run_eagerly=True)
    assert [float(value) for value in model.evaluate(np.zeros([2, 1]), verbose=0)] == [2.0, 1.0]
    assert sorted(calls) == ["epochs", "function"]
    assert [float(value) for value in model.test_on_batch(np.zeros([2, 1]))] == [2.0, 1.0]


def test_without_subclasses_the_hooks_are_keras():
    model = keras_compat.TrainerHooks()
    assert model.wrapped_function(len) is len
    assert model.logs_in_order({"b": 2.0, "a": 1.0}) == [1.0, 2.0]


def test_groups_of_an_epoch_are_counted_and_can_be_replaced():
    iterator = epochs()
    assert keras_compat.batches_of_data(iterator) == 5
    iterator.reset()
    seen = [keras_compat.batches_seen(iterator) for _ in keras_compat.groups_of(iterator)]
    assert seen == [2, 4, 6]
    iterator.reset()
    batches = iter(tf.data.Dataset.range(2))
    assert isinstance(keras_compat.data_of(iterator), tf.data.Dataset)
    keras_compat.replace_data(iterator, [7])
    assert next(next(keras_compat.groups_of(iterator))[-1]) == 7
    keras_compat.replace_groups(iterator, lambda: iter([(0, 1, batches)]))
    assert [(first, last) for first, last, _ in iterator.enumerate_epoch()] == [(0, 1)]


def test_fit_says_that_it_evaluates_its_validation_data():
    received = []

    class Model(keras.Model):
        def train_step(self, data):
            return {"loss": tf.constant(0.0)}

        def test_step(self, data):
            return {"loss": tf.constant(0.0)}

        def evaluate(self, *args, **kwargs):
            received.append(keras_compat.is_validation(kwargs))
            return super().evaluate(*args, **kwargs)

    model = Model()
    model.compile(run_eagerly=True)
    x = np.zeros([2, 1])
    model.fit(x, validation_data=(x, None), verbose=0)
    model.evaluate(x, verbose=0)
    assert received == [True, False]


def test_draws_come_from_the_hook():
    class Ones(keras_compat.DrawHooks, tfp.distributions.Normal):
        def draws(self, sample_shape, seed):
            return tf.ones(sample_shape)

    np.testing.assert_array_equal(Ones(0.0, 1.0).sample([2, 3]), np.ones([2, 3]))


# The releases.


def requirements():
    """The requirements of setup.py by package, with the bounds that they have in common filled in."""
    text = (ROOT / "setup.py").read_text(encoding="utf-8")
    bounds = re.search(r'^TENSORFLOW_BOUNDS = "([^"]+)"$', text, re.MULTILINE)[1]
    lines = [
        line.replace("{TENSORFLOW_BOUNDS}", bounds) for line in re.findall(r'^    f?"([^"]+)",', text, re.MULTILINE)
    ]
    found = [Requirement(line) for line in lines if re.match(r"[a-z_-]+[<>]", line)]
    return {requirement.name: requirement.specifier for requirement in found}


def next_minor(version):
    major, minor = version.release[:2]
    return f"{major}.{minor + 1}"


@pytest.mark.parametrize("package", sorted(keras_compat.TESTED))
def test_setup_allows_the_releases_that_were_tested_and_no_later_ones(package):
    versions = sorted(map(Version, keras_compat.TESTED[package]))
    bounds = requirements()[package]
    assert all(bounds.contains(version, prereleases=True) for version in versions)
    assert f">={versions[0].major}.{versions[0].minor}" in str(bounds)
    assert f"<{next_minor(versions[-1])}" in str(bounds)
    installed = Version(MODULES[package].__version__)
    assert installed.is_devrelease or bounds.contains(installed)  # `make nightly` installs later ones
