#!/usr/bin/env bash
# keras.layers.Normalization: `set_weights` (and `assign`) changes the weights and not what the layer does.
#
# Seen with Keras 3.15.1 on the JAX backend (the same on NumPy and TensorFlow): a layer that is given the weights of an
# adapted one reports its mean and variance from `get_weights`, and returns its inputs as they are, without an error:
#   weights [12.0, 2.6666667, 0], outputs of [10, 12, 14]: adapted [-1.22, 0, 1.22], with the same weights [10, 12, 14]
# The layer calls with copies that `finalize_state` makes, which `adapt`, `build` and loading a file run, and
# `set_weights` does not. So `clone_model` + `set_weights`, the usual way to copy a model, and restoring a
# `tf.train.Checkpoint` lose the normalization; after `save` and `load_model` the clone answers otherwise than before.
#
# Exits with an error once `set_weights` has an effect.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet keras==3.15.1 jax==0.7.2 numpy==2.4.6
KERAS_BACKEND=jax "$folder/venv/bin/python" - <<'PYTHON'
import keras
import numpy as np

x = np.array([[10.0], [12.0], [14.0]], "float32")
adapted = keras.layers.Normalization()
adapted.adapt(x)
copy = keras.layers.Normalization()
copy.build((None, 1))
copy.set_weights(adapted.get_weights())
for own, its in zip(adapted.get_weights(), copy.get_weights(), strict=True):
    np.testing.assert_array_equal(own, its)
outputs = [np.asarray(layer(x)).ravel() for layer in (adapted, copy)]
print("adapted:", outputs[0], "with the same weights:", outputs[1])
np.testing.assert_allclose(outputs[0], [-1.2247449, 0.0, 1.2247449], atol=1e-5)
np.testing.assert_array_equal(outputs[1], x.ravel())
PYTHON
