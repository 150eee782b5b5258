"""The benchmarks of a GPU have commands that exist, and a failure does not stop the rest."""

import importlib
import subprocess
import sys

import pytest
import tyro

from rme_tf.benchmark import gpu, gpu_speed, steps, text
from rme_tf.benchmark.gpu import Options


@pytest.mark.parametrize("name", gpu_speed.BENCHMARKS)
def test_a_benchmark_of_a_gpu_has_a_command_that_its_module_takes(name):
    module, flags = gpu_speed.BENCHMARKS[name]
    options = tyro.cli(importlib.import_module(f"rme_tf.benchmark.{module}").Options, args=flags)
    chosen = {"steps": ("trainings", steps.CONTENDERS), "text": ("models", text.MODELS)}
    if module in chosen:
        field, table = chosen[module]
        assert set(getattr(options, field)) <= set(table)


def test_benchmarks_are_taken_on_a_gpu_alone_and_failures_counted(tmp_path, monkeypatch, capsys):
    taken = []

    def measure(name, out, *, timeout):
        taken.append((name, out, timeout))
        return 1.5, "the time is up" if name == "gpu_text" else ""

    monkeypatch.setattr(gpu_speed, "measure", measure)
    assert gpu.run_benchmarks(Options(device="cpu")) == 0
    assert not taken
    assert gpu.run_benchmarks(Options(out=str(tmp_path), minutes=2.0)) == 1
    assert taken == [(name, tmp_path, 120.0) for name in gpu_speed.BENCHMARKS]
    assert capsys.readouterr().out.count("FAILED  the time is up") == 1


@pytest.mark.parametrize(
    ("status", "expected"), [(0, ""), (1, "the process ended with status 1"), (None, "the time is up")]
)
def test_a_benchmark_runs_in_a_process_and_its_failure_is_told(status, expected, tmp_path, monkeypatch):
    commands = []

    def run(command, *, env, timeout, check):
        commands.append(command)
        assert env["XLA_PYTHON_CLIENT_PREALLOCATE"] == "false"
        if status is None:
            raise subprocess.TimeoutExpired(command, timeout)
        return subprocess.CompletedProcess(command, status)

    monkeypatch.setattr(subprocess, "run", run)
    seconds, error = gpu_speed.measure("gpu_steps", tmp_path, timeout=100.0)
    assert seconds >= 0.0
    assert error == expected
    assert commands[0][:3] == [sys.executable, "-m", "rme_tf.benchmark.steps"]
    assert commands[0][-1] == f"--out={tmp_path / 'gpu_steps' / 'benchmark.json'}"
