#!/usr/bin/env bash
# keras.saving.load_model of an OrbaxCheckpoint returns a Sequential model with new weights, and says nothing.
#
# Packages: keras 3.15.1, tensorflow 2.21.0, orbax-checkpoint 0.12.8, on Python 3.11, Linux x86-64, CPU.
# A Sequential model is trained for 20 steps with `keras.callbacks.OrbaxCheckpoint`, and the checkpoint is loaded.
#
# Output seen:
#   trained: loss 0.0340, 20 steps of the optimizer, weights sequential/dense/kernel, ...
#   loaded:  loss 0.8877, 20 steps of the optimizer, weights dense/kernel, ...
#   warnings: 0
#
# `Model.set_state_tree` matches variables by their paths and passes over the others. Those of a model that is built
# again from its configuration are others: here without the name of the model, elsewhere with another number. The
# optimizer's counter has the same path in both, so the model looks trained. Functional models, whose layers keep
# their names, are loaded right. Exits with an error once the weights are loaded, or a mismatch is told.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
  "keras==3.15.1" "tensorflow==2.21.0" "orbax-checkpoint==0.12.8"

cd "$folder"
KERAS_BACKEND=tensorflow TF_CPP_MIN_LOG_LEVEL=3 venv/bin/python - <<'PYTHON'
import logging
import tempfile
import warnings

import keras
import numpy as np

logging.getLogger("absl").setLevel(logging.ERROR)
keras.utils.set_random_seed(0)
x = np.random.default_rng(0).random((32, 4)).astype("float32")
model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(3), keras.layers.Dense(4)])
model.compile(keras.optimizers.Adam(0.05), "mse")
directory = tempfile.mkdtemp()
checkpoint = keras.callbacks.OrbaxCheckpoint(directory, save_on_background=False)
model.fit(x, x, epochs=20, verbose=0, callbacks=[checkpoint])
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    loaded = keras.saving.load_model(directory)

for name, each in (("trained", model), ("loaded", loaded)):
    loss, steps = each.evaluate(x, x, verbose=0), int(each.optimizer.iterations)
    print(f"{name + ':':9}loss {loss:.4f}, {steps} steps of the optimizer, weights {each.weights[0].path}, ...")
told = [warning for warning in told if "match" in str(warning.message) or "load" in str(warning.message)]
print(f"warnings: {len(told)}")
assert int(loaded.optimizer.iterations) == 20, "the optimizer is no longer restored"
assert not told, "Keras tells of the mismatch now"
kernels = [each.weights[0].numpy() for each in (model, loaded)]
assert not np.allclose(*kernels), "the weights are loaded now"
print("load_model returned new weights without a word.")
PYTHON
