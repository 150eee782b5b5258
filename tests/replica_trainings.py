"""Trainings of seconds, on one device and on replicas, with noise and with batches that replicas cannot halve."""

import contextlib
import json
import os
import pathlib
import socket
import time

import numpy as np

ROWS, BATCH_SIZE = 9, 4  # the last batch has one row: a second replica has none
TOLERANCE = 1e-5  # of weights and of the epoch log: other orders of float32 sums
OF_ADAM = ("one component", "aggressive", "warm start")
# Setting -> arguments of the model, name and arguments of the algorithm. The others are the same for all.
SETTINGS = {
    "one component": ({"num_components": 1}, "ELBO", {}),
    "learned weights": ({"mixing": "learned"}, "ELBO", {}),
    "joint update": ({"mixing": "learned"}, "RecursiveMixture", {"warm_start_epochs": 0}),
    "sequential update": ({"mixing": "learned"}, "RecursiveMixture", {"warm_start_epochs": 0, "update": "sequential"}),
    "warm start": ({}, "RecursiveMixture", {"warm_start_epochs": 1}),
    "annealing": ({}, "RecursiveMixture", {"warm_start_epochs": 0, "kl_weight": ("LinearAnnealing", {"steps": 4})}),
    "importance weights": ({}, "ImportanceWeighted", {"num_samples": 3}),
    "drawn components": ({"mixing": "learned", "num_components": 3}, "ELBO", {"components_per_step": 1}),
    "drawn, free bits": (
        {"mixing": "learned", "num_components": 3},
        "RecursiveMixture",
        {"warm_start_epochs": 0, "components_per_step": 2, "free_bits": ("FreeBits", {"nats": 0.3})},
    ),
    "free bits": ({}, "ELBO", {"free_bits": ("FreeBits", {"nats": 0.3})}),
    "aggressive": ({}, "ELBO", {"aggressive": ("Aggressive", {"window": 1, "max_steps": 2})}),
    "IAF": ({"posterior": "iaf", "num_components": 1}, "ELBO", {}),
    "shared IAF": (
        {"posterior": "iaf", "posterior_options": {"shared": True}},
        "RecursiveMixture",
        {"warm_start_epochs": 0},
    ),
    "Student's t": ({"posterior": "student_t"}, "ELBO", {}),
    "full covariance": ({"posterior": "full_normal"}, "RecursiveMixture", {"warm_start_epochs": 0}),
    "VampPrior": ({"prior": "vamp"}, "ELBO", {}),
}


def train(name: str, strategy=None) -> dict:
    """Returns the weights, the epoch log and the results of `evaluate` and `predict` of a training."""
    import keras

    import rme_tf

    model_options, algorithm, options = SETTINGS[name]
    options = {key: _made(value) for key, value in options.items()}
    networks = {"encoder": "mlp", "encoder_options": {"units": (4,)}}
    networks |= {"decoder": "mlp", "decoder_options": {"units": (4,)}}
    keras.utils.set_random_seed(0)
    with contextlib.nullcontext() if strategy is None else strategy.scope():
        sizes = {"input_shape": (5,), "latent_dim": 2, "num_components": 2, "seed": 3}
        model = rme_tf.VAE.from_names(**networks, **{**sizes, **model_options})
        noise = np.random.default_rng(0)
        for variable in model.trainable_variables:
            variable.assign(np.asarray(variable.numpy()) + noise.normal(scale=0.3, size=variable.shape))
        # Adam divides by the square root of a mean square, and so magnifies the rounding of small gradients.
        optimizer = keras.optimizers.AdamW if name in OF_ADAM else keras.optimizers.SGD
        model.compile(optimizer(1e-2, global_clipnorm=1.0), getattr(rme_tf, algorithm)(**options))
    x = (noise.random((ROWS, 5)) > 0.5).astype("float32")
    history = model.fit(x, batch_size=BATCH_SIZE, epochs=2, validation_data=x[:5], verbose=0).history
    results = {f"weight_{index}": weight for index, weight in enumerate(model.get_weights())}
    results |= {f"history_{key}": np.asarray(values) for key, values in history.items()}
    results["evaluate"] = np.asarray(model.evaluate(x, batch_size=BATCH_SIZE, verbose=0))
    return results | model.predict(x, batch_size=BATCH_SIZE, verbose=0)


def _made(value):
    """Returns the value of an argument: a pair is a class and its arguments."""
    import rme_tf

    return getattr(rme_tf, value[0])(**value[1]) if isinstance(value, tuple) else value


def difference(one: dict, other: dict) -> float:
    """Returns the largest difference of the results of two trainings."""
    assert sorted(one) == sorted(other)
    return max(float(np.nanmax(np.abs(one[name] - other[name]))) for name in one)


def compare_with_one_device(names) -> None:
    """Prints the difference between one device and two replicas of a process, for each setting."""
    import tensorflow as tf

    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    for name in names:
        print("difference:", json.dumps([name, difference(train(name), train(name, strategy))]), flush=True)


def train_alone(name: str, path: str) -> None:
    """Trains on one device, and writes the results."""
    np.savez(path, **train(name))


def train_as_worker(name: str, index: int, ports, path: str) -> None:
    """Trains as one of two workers, and writes the results."""
    import tensorflow as tf

    set_cluster(index, ports)
    np.savez(path, **train(name, tf.distribute.MultiWorkerMirroredStrategy()))


def write_images(folder: pathlib.Path) -> None:
    """Writes some random images."""
    from PIL import Image

    folder.mkdir()
    for index, pixels in enumerate(np.random.default_rng(0).integers(0, 256, (60, 8, 8), dtype=np.uint8)):
        Image.fromarray(pixels).save(folder / f"{index}.png")


def recipe_fields(folder: str, out: str) -> dict:
    """Returns the fields of a recipe on the images of a folder."""
    images = {"dataset": "folder", "path": f"{folder}/images", "size": 8, "channels": 1, "data_dir": f"{folder}/data"}
    pixels = {"binarization": "dynamic", "likelihood": "bernoulli"}
    networks = {"encoder": "mlp", "decoder": "mlp", "latent_dim": 2, "components": 2}
    algorithm = {"name": "recursive_mixture", "warm_start_epochs": 0}
    training = {"epochs": 3, "batch_size": 9, "importance_samples": 6, "algorithm": algorithm, "out": out}
    return {**images, **pixels, **networks, **training}


def run_recipe(folder: str, out: str, index: int | None, ports=(), pause: float = 0.0) -> None:
    """Runs a recipe on one device, or as one of two workers.

    Args:
        folder: folder with the images.
        out: folder of the run.
        index: number of the worker; None for one device.
        ports: ports of the workers.
        pause: seconds after each step, in which the process may be killed.
    """
    import keras

    from rme_tf import experiments

    if index is not None:
        set_cluster(index, ports)
        experiments.join_workers()
    strategy = None if index is None else "multiworker"
    recipe = experiments.ImageRecipe(**recipe_fields(folder, out), strategy=strategy)
    pauses = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: time.sleep(pause))
    experiments.run(recipe, [pauses], page=False)


def set_cluster(index: int, ports) -> None:
    """Sets `TF_CONFIG` for a worker on the loopback interface."""
    cluster = {"worker": [f"127.0.0.1:{port}" for port in ports]}
    os.environ["TF_CONFIG"] = json.dumps({"cluster": cluster, "task": {"type": "worker", "index": index}})


def free_ports(count: int = 2) -> list[int]:
    """Returns ports of the loopback interface that no process uses."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
