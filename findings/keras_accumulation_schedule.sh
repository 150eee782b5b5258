#!/usr/bin/env bash
# With gradient_accumulation_steps, a learning-rate schedule of Keras counts minibatches, while `iterations` are updates.
#
# Packages: keras 3.15.1, tensorflow 2.21.0, on Python 3.11, Linux x86-64, CPU.
# SGD on one weight whose gradient is always 1; the rate is 1 until step 3 and 0 afterwards. 12 minibatches each.
#
# Output seen:
#   1 minibatch an update:   12 iterations, moved by 4
#   2 minibatches an update: 6 iterations, moved by 2
#
# `Optimizer.iterations` is `_iterations // gradient_accumulation_steps`, and Adam's bias correction and the averages of
# `use_ema` read it, but `_get_current_learning_rate` passes `_iterations`. So the same schedule is over after half of
# the updates: it is to be stretched by the number of accumulated steps. Exits with an error once both move by 4.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "keras==3.15.1" "tensorflow==2.21.0"

cd "$folder"
KERAS_BACKEND=tensorflow TF_CPP_MIN_LOG_LEVEL=3 venv/bin/python - <<'PYTHON'
import keras
import numpy as np


def moved(accumulated):
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay([3], [1.0, 0.0])
    optimizer = keras.optimizers.SGD(schedule, gradient_accumulation_steps=accumulated)
    weight = keras.Variable(np.zeros(1, "float32"))
    optimizer.build([weight])
    for _ in range(12):
        optimizer.apply([np.ones(1, "float32")], [weight])
    return int(optimizer.iterations), -float(weight.numpy()[0])


once, accumulated = moved(None), moved(2)
print(f"1 minibatch an update:   {once[0]} iterations, moved by {once[1]:.0f}")
print(f"2 minibatches an update: {accumulated[0]} iterations, moved by {accumulated[1]:.0f}")
if (once, accumulated) != ((12, 4.0), (6, 2.0)):
    raise SystemExit("The behaviour has changed.")
PYTHON
