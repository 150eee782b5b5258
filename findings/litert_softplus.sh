#!/usr/bin/env bash
# LiteRT computes softplus as log(1 + exp(x)): infinity from x = 89 on, where TensorFlow answers x.
#
# Packages: tensorflow 2.21.0, ai-edge-litert 2.3.0, on Python 3.11, Linux x86-64, CPU.
# The model is one operation, tf.math.softplus of float32 [N], converted with the defaults of tf.lite.TFLiteConverter.
#
# Output seen:
#   x           -20.0         0.0        88.0        89.0      1000.0
#   tensorflow  2.061154e-09  0.6931472  88.0        89.0      1000.0
#   litert      0.0           0.6931472  88.0        inf       inf
#
# Neither the converter nor the interpreter warns. Also for x < -16.6 the answer is 0 where TensorFlow's is exp(x).
# Exits with an error once LiteRT's answers are finite.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "tensorflow==2.21.0" "ai-edge-litert==2.3.0"

cd "$folder"
TF_CPP_MIN_LOG_LEVEL=3 venv/bin/python - <<'PYTHON'
import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

x = np.array([-20.0, 0.0, 88.0, 89.0, 1000.0], np.float32)
softplus = tf.function(tf.math.softplus, input_signature=[tf.TensorSpec([None], tf.float32)], autograph=False)
converter = tf.lite.TFLiteConverter.from_concrete_functions([softplus.get_concrete_function()], softplus)
model = Interpreter(model_content=converter.convert())
(question,), (answer,) = model.get_input_details(), model.get_output_details()
model.resize_tensor_input(question["index"], x.shape)
model.allocate_tensors()
model.set_tensor(question["index"], x)
model.invoke()
found, expected = model.get_tensor(answer["index"]), softplus(x).numpy()
for name, values in {"x": x, "tensorflow": expected, "litert": found}.items():
    print(f"{name:12}" + "".join(f"{str(value):14}" for value in values))
assert np.array_equal(expected[2:], x[2:]), "TensorFlow answers something else"
assert np.isinf(found[3:]).all() and found[0] == 0.0, "LiteRT's softplus no longer overflows"
print("LiteRT's softplus overflows.")
PYTHON
