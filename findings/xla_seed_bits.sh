#!/usr/bin/env bash
# XLA reads the lowest 32 bits of each number of an int64 stateless seed: seeds that differ above give the same numbers.
#
# Packages: tensorflow 2.21.0, on Python 3.11, Linux x86-64, CPU.
# tf.random.stateless_uniform of four int32 without limits, whose bits agree for small seeds, by a tf.function with
# jit_compile=True and without. tf.random.fold_in and tf.random.split return int64 seeds of all bits for int64 seeds.
#
# Output seen (the first two of four numbers):
#   seed                     graph                        XLA
#   [3, 7]                   [   99675130 -1702650579]    [   99675130 -1702650579]
#   [4294967299, 7]          [176038517 898318114]        [   99675130 -1702650579]
#   [3, 21474836487]         [-1445975958  1555321947]    [   99675130 -1702650579]
#
# Neither documents a limit: "a shape [2] Tensor, the seed ... Must have dtype int32 or int64".
# Exits with an error once XLA reads all bits.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work"
"$work/bin/pip" install --quiet --disable-pip-version-check "tensorflow==2.21.0"
TF_CPP_MIN_LOG_LEVEL=3 "$work/bin/python" - <<'PYTHON'
import numpy as np
import tensorflow as tf


def draw(seed):
    return tf.random.stateless_uniform([4], seed, None, None, tf.int32)


compiled = tf.function(draw, jit_compile=True, autograph=False)
found = {}
for seed in ([3, 7], [3 + 2**32, 7], [3, 7 + 5 * 2**32]):
    number = tf.constant(seed, tf.int64)
    found[str(seed)] = draw(number).numpy(), compiled(number).numpy()
    print(f"{seed!s:24}", *(f"{values[:2]!s:28}" for values in found[str(seed)]))
graph, xla = (np.stack([pair[index] for pair in found.values()]) for index in (0, 1))
assert len(np.unique(graph[:, 0])) == 3, "the graph gives the same numbers, too"
assert len(np.unique(xla[:, 0])) == 1, "XLA reads all bits of a seed now"
print("XLA gives the same numbers for three seeds.")
PYTHON
