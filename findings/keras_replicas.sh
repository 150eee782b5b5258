#!/usr/bin/env bash
# Under a MirroredStrategy Keras's Dropout has the same mask on each replica, and `gradient_accumulation_steps` raises.
#
# Packages: keras 3.15.1, tensorflow 2.21.0, on Python 3.11, Linux x86-64, CPU.
# Two logical CPUs. A Dropout(0.5) on eight ones for each replica; then one epoch of a Dense layer whose Adam accumulates
# two minibatches.
#
# Output seen:
#   masks of the replicas: [0, 2, 2, 2, 0, 0, 0, 0] [0, 2, 2, 2, 0, 0, 0, 0] equal: True
#   gradient_accumulation_steps=2: RuntimeError, merge_call: True
#
# The counter of a `SeedGenerator` is one mirrored variable, which each replica reads and increments alike. Gradients are
# applied in `ops.cond`, where a replica may not synchronize. So does `ema_overwrite_frequency`. Exits with an error once
# the masks differ or the training ends well.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "keras==3.15.1" "tensorflow==2.21.0"

cd "$folder"
KERAS_BACKEND=tensorflow TF_CPP_MIN_LOG_LEVEL=3 venv/bin/python - <<'PYTHON'
import numpy as np
import tensorflow as tf

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)

import keras  # noqa: E402

strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
with strategy.scope():
    dropout = keras.layers.Dropout(0.5, seed=3)


@tf.function(autograph=False)
def masks():
    return strategy.run(lambda: dropout(tf.ones([8]), training=True))


drawn = [mask.numpy().astype(int).tolist() for mask in strategy.experimental_local_results(masks())]
print("masks of the replicas:", *drawn, "equal:", drawn[0] == drawn[1])

with strategy.scope():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.Adam(gradient_accumulation_steps=2), "mse")
message = ""
try:
    model.fit(np.ones((8, 3)), np.ones((8, 1)), batch_size=4, verbose=0)
except RuntimeError as error:
    message = str(error)
    print("gradient_accumulation_steps=2: RuntimeError, merge_call:", "merge_call" in message)
if drawn[0] != drawn[1] or not message:
    raise SystemExit("The behaviour has changed.")
PYTHON
