"""Benchmarks that `rme_tf.benchmark.gpu` takes on a GPU."""

import os
import pathlib
import subprocess
import sys
import time

STEPS = [
    "VAE",
    "VAE in JAX, 50 steps in a scan",
    "RME(5), encoders apart",
    "RME(5), encoders apart, in JAX, 50 steps in a scan",
    "RME(5), one component an image",
    "RME(20), one component an image",
]
TEXT = {"units": 1024, "embedding-size": 512, "max-length": 80, "memory-length": 80}
WORDS = {"vocabulary-size": 20_000, "memory-vocabulary-size": 20_000}
# Name of the record -> module of the benchmark, and flags.
BENCHMARKS: dict[str, tuple[str, list[str]]] = {
    "gpu_steps": ("steps", ["--networks", "conv", "mlp", "--trainings", *STEPS, "--conv-trainings", *STEPS]),
    "gpu_text": (
        "text",
        [
            *(f"--{name}={value}" for name, value in {**TEXT, **WORDS}.items()),
            *("--models", "VAE", "RME(3)", "RME(3), shared trunk", "RME(3), one component a sentence"),
        ],
    ),
    "gpu_bound": ("bound", ["--networks", "conv", "--conv-images", "10000", "--models", "VAE", "--rounds", "1"]),
}
# TensorFlow and JAX take memory of the card as they need it, so that both fit.
SHARED = {"TF_FORCE_GPU_ALLOW_GROWTH": "true", "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}


def measure(name: str, out: pathlib.Path, *, timeout: float, **environment: str) -> tuple[float, str]:
    """Runs a benchmark in a new process.

    The process prints the table, and writes the record.

    Args:
        name: name of the record, in `BENCHMARKS`.
        out: folder of the records.
        timeout: longest time, in seconds.
        **environment: further variables of the environment.

    Returns:
        seconds: time of the benchmark.
        error: reason of its failure, or "".
    """
    module, flags = BENCHMARKS[name]
    command = [sys.executable, "-m", f"rme_tf.benchmark.{module}", *flags]
    command.append(f"--out={out / name / 'benchmark.json'}")
    start = time.perf_counter()
    try:
        done = subprocess.run(command, env={**os.environ, **SHARED, **environment}, timeout=timeout, check=False)
        error = f"the process ended with status {done.returncode}" if done.returncode else ""
    except subprocess.TimeoutExpired:
        error = "the time is up"
    return time.perf_counter() - start, error
