"""Compile, fit and evaluate: every kind of data and of execution, the epoch log, the warm start, NaN."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from rme_tf import ELBO, VAE, RecursiveMixture
from rme_tf.networks import mlp_encoder

PLAIN = RecursiveMixture(warm_start_epochs=0)
QUICK = {"algorithm": PLAIN, "run_eagerly": True}  # for two steps eager execution is cheaper than tracing


class Batches(keras.utils.PyDataset):
    def __init__(self, x, batch_size):
        super().__init__()
        self.x, self.batch_size = x, batch_size

    def __len__(self):
        return len(self.x) // self.batch_size

    def __getitem__(self, index):
        return (self.x[index * self.batch_size :][: self.batch_size],)


def dataset(*arrays):
    return tf.data.Dataset.from_tensor_slices(arrays if len(arrays) > 1 else arrays[0]).batch(4)


DATA = {  # of eight observations: two batches of four
    "float64": lambda x: {"x": x.astype("float64"), "batch_size": 4},
    "integers": lambda x: {"x": x.astype("uint8"), "batch_size": 4},
    "tensor": lambda x: {"x": tf.constant(x), "batch_size": 4},
    "labels": lambda x: {"x": x, "y": np.arange(8), "batch_size": 4},
    "dataset": lambda x: {"x": dataset(x)},
    "dataset with labels": lambda x: {"x": dataset(x, np.arange(8))},
    "unending dataset": lambda x: {"x": dataset(x).repeat(), "steps_per_epoch": 2},
    "PyDataset": lambda x: {"x": Batches(x, 4)},
    "validation_split": lambda x: {"x": np.concatenate([x, x[:4]]), "validation_split": 1 / 3, "batch_size": 4},
}


def test_every_kind_of_data_gives_the_same_training(tiny_model, binary_data):
    x, model = binary_data(8), tiny_model(1)
    start, seed = model.get_weights(), model.seed_generator.state.numpy()

    def history(options):
        model.set_weights(start)
        model.seed_generator.state.assign(seed)
        model.compile("sgd", "elbo", run_eagerly=True)  # for two steps cheaper than tracing
        values = model.fit(**options, shuffle=False, verbose=0).history
        assert int(model.optimizer.iterations) == 2
        return values

    expected = history({"x": x, "batch_size": 4})["loss"]
    for kind, options in DATA.items():
        result = history(options(x))
        assert result["loss"] == pytest.approx(expected, rel=1e-6), kind  # float32
        assert ("val_loss" in result) == (kind == "validation_split")


@pytest.mark.slow
@pytest.mark.parametrize(
    "validation",
    [lambda x: x, lambda x: (x, np.arange(4)), lambda x: dataset(x), lambda x: dataset(x, np.arange(4))],
    ids=["array", "pair", "dataset", "dataset of pairs"],
)
def test_every_kind_of_validation_data_gives_the_same_numbers(tiny_model, binary_data, validation):
    model, x, held_out = tiny_model(2), binary_data(4), binary_data(4)
    model.compile("sgd", **QUICK)
    history = model.fit(x, validation_data=validation(held_out), verbose=0).history
    result = model.evaluate(held_out, verbose=0, return_dict=True)
    # Exactly: the weights, the batches and the noise are the same.
    assert {name: history[f"val_{name}"][0] for name in result} == result


@pytest.mark.slow
def test_the_epoch_log_names_what_it_shows(tiny_model, binary_data):
    model, x = tiny_model(3, mixing="learned"), binary_data(7)
    model.compile("sgd", **QUICK)
    history = model.fit(x, validation_data=x, batch_size=5, epochs=2, verbose=0).history
    names = {
        "loss",
        "elbo",
        "reconstruction",
        "kl",
        *(f"{name}_{m}" for name in ("elbo", "alpha") for m in range(3)),
    }
    assert set(history) == names | {f"val_{name}" for name in names}
    for prefix in ("", "val_"):
        values = {name: np.array(history[prefix + name]) for name in names}
        assert all(np.isfinite(value).all() for value in values.values())
        # Running means in float32 of numbers of order 10.
        np.testing.assert_allclose(values["elbo"], values["reconstruction"] - values["kl"], rtol=1e-5)
        np.testing.assert_allclose(values["loss"], -values["elbo"], rtol=1e-6)
        np.testing.assert_allclose(values["alpha_0"] + values["alpha_1"] + values["alpha_2"], 1.0, rtol=1e-5)
        parts = sum(values[f"alpha_{m}"] * values[f"elbo_{m}"] for m in range(3))
        assert (values["elbo"] > parts - 0.1).all()  # by I(m; z|x) >= 0; but a mean of products here
    for repeat in range(2):
        result = model.evaluate(x, batch_size=5, verbose=0, return_dict=True)
        assert result == {name: history[f"val_{name}"][1] for name in names}, repeat


def test_an_observation_counts_once_whatever_the_batches(tiny_model, binary_data):
    """The running means weigh a smaller last batch by its size, so this bound of no noise is one number."""
    model, x = tiny_model(2), binary_data(7)
    model.compile("sgd", **QUICK)
    for encoder in model.encoders:
        encoder.layers[-1].kernel.assign(tf.zeros_like(encoder.layers[-1].kernel))
        encoder.layers[-1].bias.assign([0.3, -0.2, -50.0, -50.0])  # all but a point mass, the same for all x
    results = [model.evaluate(x, batch_size=size, verbose=0, return_dict=True) for size in (2, 7)]
    # The noise moves z by 1e-5, and log p(x|z) by as much.
    assert results[0]["reconstruction"] == pytest.approx(results[1]["reconstruction"], abs=1e-3)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_curve_and_another_seed_another(binary_data):
    x = binary_data(8)

    def curve(seed):
        keras.utils.set_random_seed(seed)
        options = {"encoder_options": {"units": (4,)}, "decoder_options": {"units": (4,)}}
        model = VAE.from_names(encoder="mlp", decoder="mlp", **options, input_shape=(5,), latent_dim=2)
        model.compile("sgd", "elbo", run_eagerly=True)
        return model.fit(x, batch_size=4, epochs=2, verbose=0).history["loss"]

    first = curve(3)
    assert curve(3) == first
    assert curve(4) != first


@pytest.mark.slow
@pytest.mark.parametrize("update", ["joint", "sequential"])
def test_ways_to_execute_give_the_same_numbers(tiny_model, binary_data, update):
    x, histories = binary_data(8), []
    for way in ({}, {"run_eagerly": True}, {"steps_per_execution": 2}):
        model = tiny_model(2, mixing="learned")
        model.compile("sgd", RecursiveMixture(warm_start_epochs=0, update=update), **way)
        histories.append(model.fit(x, batch_size=4, verbose=0, shuffle=False).history)
        assert int(model.optimizer.iterations) == 2
    for name, values in histories[0].items():
        for other in histories[1:]:
            # Fused and single float32 operations differ in their last bits.
            assert other[name] == pytest.approx(values, rel=1e-4, abs=1e-5), name


@pytest.mark.slow
def test_the_sequential_step_learns_under_xla(tiny_model, binary_data):
    """The joint one does so in test_pixel_generation.py."""
    model, x = tiny_model(2, mixing="learned"), binary_data(16)
    algorithm = RecursiveMixture(warm_start_epochs=0, update="sequential")
    model.compile(keras.optimizers.Adam(0.02), algorithm, jit_compile=True)
    history = model.fit(x, batch_size=8, epochs=20, verbose=0).history
    assert all(np.isfinite(values).all() for values in history.values())
    assert np.mean(history["loss"][-3:]) < np.mean(history["loss"][:3]) - 0.2  # of about 5 nats


@pytest.fixture
def dtype_policy():
    yield keras.config.set_dtype_policy
    keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize("policy", [pytest.param("mixed_bfloat16", marks=pytest.mark.slow), "mixed_float16"])
def test_mixed_precision_trains_with_float32_log_probabilities(tiny_model, binary_data, dtype_policy, policy):
    dtype_policy(policy)
    model, x = tiny_model(2), binary_data(16)
    assert model.encoders[0].layers[-1].compute_dtype == policy.removeprefix("mixed_")
    assert {tensor.dtype for tensor in model.log_probs(x, seed=(0, 1))} == {tf.float32}
    assert {tensor.dtype for tensor in model(x).values()} == {tf.float32}
    assert model.posterior(x).dtype == tf.float32
    before = [variable.numpy() for variable in model.trainable_variables]
    model.compile(keras.optimizers.Adam(0.02), PLAIN)
    history = model.fit(x, batch_size=8, epochs=20, verbose=0).history
    for old, variable in zip(before, model.trainable_variables, strict=True):
        assert variable.dtype == "float32"
        # Adam moves by about 0.02 a step, whatever the scale; unscaled half-precision gradients would vanish.
        assert np.abs(variable.numpy() - old).max() > 0.01, variable.path
    assert np.mean(history["loss"][-3:]) < np.mean(history["loss"][:3]) - 0.2  # of about 5 nats


def test_a_model_must_be_compiled_and_its_algorithm_known(tiny_model, binary_data):
    model = tiny_model(2)
    with pytest.raises(ValueError, match="compile"):
        model.fit(binary_data(4), verbose=0)
    with pytest.raises(ValueError, match="compile"):
        model.evaluate(binary_data(4), verbose=0)
    with pytest.raises(ValueError, match="Unknown algorithm.*'elbo', .*'recursive_mixture'"):
        model.compile("sgd", "nope")
    model.compile("sgd", "elbo")
    assert model.algorithm == ELBO()


def test_regularisation_losses_are_part_of_the_loss_alone(tiny_model, binary_data):
    """A decoder with an L2 penalty: the log's loss has it, the ELBO has not."""
    decoder = keras.Sequential(
        [keras.layers.Input((2,)), keras.layers.Dense(5, kernel_regularizer=keras.regularizers.L2(0.5))]
    )
    model = tiny_model(2, decoder=decoder)
    model.compile("sgd", **QUICK)
    result = model.evaluate(binary_data(4), verbose=0, return_dict=True)
    penalty = 0.5 * np.sum(decoder.layers[0].kernel.numpy() ** 2)
    assert result["loss"] == pytest.approx(penalty - result["elbo"], rel=1e-5)  # float32


class Recorder(keras.callbacks.Callback):
    """Keeps the weights of each network before and after every epoch."""

    def __init__(self):
        super().__init__()
        self.before, self.after = [], []

    def _weights(self):
        model = self.model
        parts = {"decoder": model.decoder, "mixing": model.mixing_network}
        parts |= {f"encoder_{m}": encoder for m, encoder in enumerate(model.encoders)}
        return {name: [np.array(w) for w in part.get_weights()] for name, part in parts.items()}

    def on_epoch_begin(self, epoch, logs=None):
        self.before.append(self._weights())

    def on_epoch_end(self, epoch, logs=None):
        self.after.append(self._weights())


def moved(before, after):
    return {name for name in before if any((a != b).any() for a, b in zip(before[name], after[name], strict=True))}


RULES = {
    "elbo": ELBO(warm_start_epochs=2),
    "joint": RecursiveMixture(warm_start_epochs=2),
    "sequential": RecursiveMixture(warm_start_epochs=2, update="sequential"),
}


@pytest.mark.slow
@pytest.mark.parametrize(("name", "eager"), [("elbo", True), ("joint", False), ("sequential", True)])
def test_the_warm_start_trains_one_component_and_then_copies_it(tiny_model, binary_data, name, eager):
    model, x, recorder = tiny_model(3, mixing="learned"), binary_data(8), Recorder()
    model.compile("sgd", RULES[name], run_eagerly=eager)
    options = {"validation_data": x, "batch_size": 4, "verbose": 0, "callbacks": [recorder]}
    with pytest.warns(UserWarning, match="warm start of 2 epochs"):
        history = model.fit(x, **options).history
    for key, values in model.fit(x, epochs=3, **options).history.items():  # epochs 2, 3 and 4 of its life
        history[key] += values
    assert int(model.epochs_trained) == 4

    for epoch in (0, 1):
        assert moved(recorder.before[epoch], recorder.after[epoch]) == {"encoder_0", "decoder"}
        assert history["alpha_0"][epoch] == 1.0
        assert history["alpha_1"][epoch] == history["alpha_2"][epoch] == 0.0
        assert math.isnan(history["elbo_1"][epoch])
        assert history["elbo"][epoch] == pytest.approx(history["elbo_0"][epoch], rel=1e-6)
        # Validation is of Q_0 = q_0 too.
        assert history["val_elbo"][epoch] == pytest.approx(history["val_elbo_0"][epoch], rel=1e-6)
        assert history["val_alpha_0"][epoch] == 1.0
    grown = recorder.before[2]
    assert moved(recorder.after[1], grown) == {"encoder_1", "encoder_2"}
    noise = [
        np.concatenate([(a - b).ravel() for a, b in zip(grown[f"encoder_{m}"], grown["encoder_0"], strict=True)])
        for m in (1, 2)
    ]
    for values in noise:  # 84 Gaussians of scale 0.01: the estimated scale is within 8 % of it (one sigma)
        assert 0.006 < values.std() < 0.014
    assert np.abs(noise[0] - noise[1]).max() > 0.005
    for epoch in (2, 3):
        assert moved(recorder.before[epoch], recorder.after[epoch]) == set(grown)
        assert all(np.isfinite(values[epoch]) for values in history.values())
        assert 0.0 < history["alpha_2"][epoch] < 1.0


def test_an_encoder_of_another_shape_starts_as_it_was_made(tiny_model, binary_data):
    encoders = [mlp_encoder((5,), 4, units=(3,)), mlp_encoder((5,), 4, units=(6,))]
    model = tiny_model(2, encoder=encoders)
    before = [weight.numpy() for weight in model.encoders[1].weights]
    model.compile("sgd", RecursiveMixture(warm_start_epochs=1))
    with pytest.warns(UserWarning, match="only component 0 of 2 is in use"):
        model.fit(binary_data(4), verbose=0)
    model.begin_epoch()
    assert model.num_active.numpy() == 2
    for weight, value in zip(model.encoders[1].weights, before, strict=True):
        np.testing.assert_array_equal(weight.numpy(), value)
