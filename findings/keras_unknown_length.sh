#!/usr/bin/env bash
# Keras counts a step too many at the end of each epoch on a tf.data set of unknown length, or a finite generator.
#
# Packages: keras 3.15.1, tensorflow 2.21.0, on Python 3.11, Linux x86-64, CPU.
# 5 epochs of 3 batches are 15 steps; `dataset.filter(...)` hides the length.
#
# Output seen:
#   known length              graph 15  eager 15
#   unknown length            graph 20  eager 15
#   generator of 3 batches    graph 4   eager 3
#
# Where the data end, the compiled step is run once more. `iterator.get_next()` raises there, but what needs no batch
# runs before: `optimizer.iterations`, and so learning rate schedules and Adam's bias correction, and the seeds of noise.
# Exits with an error once the counts are right.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "keras==3.15.1" "tensorflow==2.21.0"

cd "$folder"
KERAS_BACKEND=tensorflow TF_CPP_MIN_LOG_LEVEL=3 venv/bin/python - <<'PYTHON'
import warnings

import keras
import numpy as np
import tensorflow as tf

warnings.simplefilter("ignore")  # "Your input ran out of data", of every set of unknown length
x, y = np.ones((12, 2), "float32"), np.ones((12, 1), "float32")
known = tf.data.Dataset.from_tensor_slices((x, y)).batch(4)
unknown = known.filter(lambda inputs, labels: tf.reduce_sum(inputs) > 0.0)


def steps(make_data, epochs, eager):
    model = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", run_eagerly=eager)
    model.fit(make_data(), epochs=epochs, verbose=0)
    return int(model.optimizer.iterations)


def generator():
    for start in (0, 4, 8):
        yield x[start : start + 4], y[start : start + 4]


cases = {"known length": (lambda: known, 5), "unknown length": (lambda: unknown, 5), "generator of 3 batches": (generator, 1)}
found = {}
for name, (make_data, epochs) in cases.items():
    found[name] = steps(make_data, epochs, False), steps(make_data, epochs, True)
    print(f"{name:25} graph {found[name][0]:<3} eager {found[name][1]}")
assert found["known length"] == (15, 15)
assert found["unknown length"] == (20, 15), "the steps of data of unknown length are counted otherwise now"
assert found["generator of 3 batches"] == (4, 3), "the steps of a generator are counted otherwise now"
print("Keras counts a step too many at the end of the data.")
PYTHON
