#!/usr/bin/env bash
# After one NaN, in the first epoch, EarlyStopping stops and ModelCheckpoint(save_best_only=True) saves no more, although
# the monitored value rises in every later epoch.
#
# Packages: keras 3.15.1, tensorflow 2.21.0, on Python 3.11, Linux x86-64, CPU.
# A quality that is undefined in the first epoch, as a correlation with constant predictions, and then rises for good:
# nan, 0.1, 0.2, 0.3, 0.4, with mode="max" and a patience of two epochs.
#
# Output seen:
#   stopped after epoch 3 of 5, weights of epoch 1, saved in epochs [1]
#
# Both take the NaN for the best value, since there is none before, and no number is greater or smaller than NaN. A first
# epoch without the name in its logs, or with -inf, gives the expected result. Exits with an error once the last epoch is
# reached.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "keras==3.15.1" "tensorflow==2.21.0"

cd "$folder"
KERAS_BACKEND=tensorflow TF_CPP_MIN_LOG_LEVEL=3 venv/bin/python - <<'PYTHON'
import pathlib

import keras
import numpy as np

QUALITY = [float("nan"), 0.1, 0.2, 0.3, 0.4]
after = []  # the weights at the end of each epoch


def measure(epoch, logs):
    logs["quality"] = QUALITY[epoch]
    after.append(model.get_weights())


model = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(1)])
model.compile("sgd", "mse")
options = {"monitor": "quality", "mode": "max"}
callbacks = [
    keras.callbacks.LambdaCallback(on_epoch_end=measure),
    keras.callbacks.ModelCheckpoint("{epoch}.weights.h5", save_best_only=True, save_weights_only=True, **options),
    keras.callbacks.EarlyStopping(patience=2, restore_best_weights=True, **options),
]
generator = np.random.default_rng(0)
model.fit(generator.normal(size=(32, 3)), generator.normal(size=(32, 1)), epochs=5, verbose=0, callbacks=callbacks)

same = [all((a == b).all() for a, b in zip(weights, model.get_weights())) for weights in after]
saved = sorted(int(path.name.split(".")[0]) for path in pathlib.Path().glob("*.weights.h5"))
print(f"stopped after epoch {len(after)} of 5, weights of epoch {1 + same.index(True)}, saved in epochs {saved}")
if (len(after), same.index(True), saved) != (3, 0, [1]):
    raise SystemExit("The behaviour has changed.")
PYTHON
