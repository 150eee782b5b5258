#!/usr/bin/env bash
# Under a MultiWorkerMirroredStrategy `fit` raises where a custom `train_step` returns scalars, as Keras's guides do.
#
# Packages: keras 3.15.1, tensorflow 2.21.0, on Python 3.11, Linux x86-64, CPU.
# Two workers on the loopback interface, and a model whose `train_step` returns its loss, as a scalar; then as a vector of one number.
#
# Output seen:
#   scalar: ValueError
#   vector: trains
#
# `reduce_per_replica` in keras/src/backend/tensorflow/trainer.py calls `strategy.reduce("MEAN", v, axis=0)` there, and a
# scalar has no axis 0. Under a MirroredStrategy the scalar is taken. Exits with an error once both train.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "keras==3.15.1" "tensorflow==2.21.0"

cd "$folder"
cat > worker.py <<'PYTHON'
import json
import os
import sys

index, kind, ports = int(sys.argv[1]), sys.argv[2], sys.argv[3].split(",")
workers = [f"127.0.0.1:{port}" for port in ports]
os.environ["TF_CONFIG"] = json.dumps({"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}})

import numpy as np
import tensorflow as tf

strategy = tf.distribute.MultiWorkerMirroredStrategy()

import keras


class Model(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(1)

    def call(self, x):
        return self.dense(x)

    def train_step(self, x):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(self(x) ** 2)
        self.optimizer.apply(tape.gradient(loss, self.trainable_weights), self.trainable_weights)
        return {"loss": loss if kind == "scalar" else loss[tf.newaxis]}


with strategy.scope():
    model = Model()
    model.compile("sgd")
data = tf.data.Dataset.from_tensor_slices(np.ones((8, 3), "float32")).batch(4)
try:
    model.fit(data, verbose=0)
    print("trains")
except (ValueError, tf.errors.InvalidArgumentError) as error:
    print(type(error).__name__)
PYTHON
seen=""
for kind in scalar vector; do
    ports=$(venv/bin/python -c 'import socket
sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
print(",".join(str(each.getsockname()[1]) for each in sockets))')
    export KERAS_BACKEND=tensorflow TF_CPP_MIN_LOG_LEVEL=3
    venv/bin/python worker.py 1 $kind "$ports" > other.txt 2>&1 &
    result=$(timeout 300 venv/bin/python worker.py 0 $kind "$ports" 2> log.txt)
    wait $! || true
    echo "$kind: $result"
    seen="$seen$kind:$result "
done
case $seen in "scalar:ValueError vector:trains ") ;; *) echo "The behaviour has changed."; exit 1 ;; esac
