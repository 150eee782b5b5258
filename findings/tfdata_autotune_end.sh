#!/usr/bin/env bash
# Now and then the end of a tf.data iterator waits as long as the pass over the data took, with autotuning, the default.
#
# Packages: tensorflow 2.21.0, on Python 3.11, Linux x86-64, CPU, 2 cores.
# 13 elements with 50 ms of work between them; the seconds of `del iterator`, until one takes longer than 0.3 s.
#
# Output seen:
#   with autotuning: end 4 of an iterator took 0.57 s, the others 0.013 s or less
#   without: the longest of 30 ends took 0.018 s
#
# The end cancels the thread of the autotuning, which sleeps twice as long after each look (10, 20, 40 ms, ...), and
# joins it. The cancellation wakes the thread before it marks itself as done (`CancellationManager` runs the callbacks
# first), so a thread that is quick to look finds nothing cancelled, and sleeps on until its time is over. With passes of
# 2.8 s over Keras's own pipeline of an array, 7 of 40 ends took 2.3 s on a busy machine; without autotuning none did.
# `options.autotune.enabled = False` avoids it. Exits with an error if no end of 150 waits.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "tensorflow==2.21.0"

cd "$folder"
TF_CPP_MIN_LOG_LEVEL=3 venv/bin/python - <<'PYTHON'
import time

import tensorflow as tf


def ends(autotune, most, long):
    """Seconds that the ends of iterators took, of at most so many passes, until one took that long."""
    options = tf.data.Options()
    options.autotune.enabled = autotune
    data = tf.data.Dataset.range(13).prefetch(1).with_options(options)
    seconds = []
    while len(seconds) < most and max(seconds, default=0.0) < long:
        iterator = iter(data)
        for _ in range(13):
            next(iterator)
            time.sleep(0.05)  # a training step
        start = time.perf_counter()
        del iterator
        seconds.append(time.perf_counter() - start)
    return seconds


tuned = ends(autotune=True, most=150, long=0.3)
others = max(tuned[:-1], default=0.0)
print(f"with autotuning: end {len(tuned)} of an iterator took {tuned[-1]:.2f} s, the others {others:.3f} s or less")
untuned = ends(autotune=False, most=30, long=0.3)
print(f"without: the longest of {len(untuned)} ends took {max(untuned):.3f} s")
assert tuned[-1] > 0.3, "no end waits for the thread of the autotuning now"
assert len(untuned) == 30, "the ends take long without autotuning, too"
PYTHON
