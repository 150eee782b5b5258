#!/usr/bin/env bash
# On two replicas Keras clips the gradient of each replica and then sums them: not the clipped gradient of the minibatch.
#
# Packages: keras 3.15.1, tensorflow 2.21.0, on Python 3.11, Linux x86-64, CPU.
# One weight under SGD(1.0, global_clipnorm=1.0), the mean squared error, and a minibatch of two rows with targets 1 and
# -0.9, whose gradient is -0.1: no clipping. Then the same minibatch on a MirroredStrategy of two logical CPUs.
#
# Output seen:
#   one device:   the weight moves by 0.1
#   two replicas: the weight moves by 0.1
#   one device, rows scaled by 10:   the weight moves by 1.0
#   two replicas, rows scaled by 10: the weight moves by 0.0
#
# `BaseOptimizer.apply` clips before `_backend_update_step`, which sums over the replicas. Each replica's share is clipped
# to 1 here, and 1 - 1 = 0. Also with `clipnorm` and `clipvalue`. Exits with an error once the replicas move as one device.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "keras==3.15.1" "tensorflow==2.21.0"

cd "$folder"
KERAS_BACKEND=tensorflow TF_CPP_MIN_LOG_LEVEL=3 venv/bin/python - <<'PYTHON'
import contextlib

import numpy as np
import tensorflow as tf

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)

import keras  # noqa: E402

STRATEGY = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])


def moved(scope, scale):
    with scope:
        model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")])
        model.compile(keras.optimizers.SGD(1.0, global_clipnorm=1.0), "mse")
    x, y = np.ones((2, 1), "float32"), scale * np.array([[1.0], [-0.9]], "float32")
    model.fit(x, y, batch_size=2, shuffle=False, verbose=0)
    return round(abs(float(model.get_weights()[0][0, 0])), 3)


found = []
for scale, words in ((1.0, ""), (10.0, ", rows scaled by 10")):
    one, two = moved(contextlib.nullcontext(), scale), moved(STRATEGY.scope(), scale)
    print(f"one device{words}:   the weight moves by {one}")
    print(f"two replicas{words}: the weight moves by {two}")
    found += [one, two]
if found[2] == found[3]:
    raise SystemExit("The behaviour has changed.")
PYTHON
