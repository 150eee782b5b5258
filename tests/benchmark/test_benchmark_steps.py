"""The steps in JAX have the losses and the gradients of the library's, and trainings are timed side by side."""

import functools
import multiprocessing
import multiprocessing.connection
import os
import sys
import threading
import types

import numpy as np
import pytest
import tensorflow as tf

from rme_tf.algorithms import bound, recursive_mixture
from rme_tf.benchmark import contenders, jax_steps, processes, steps
from rme_tf.benchmark.contenders import Contender, Sizes
from rme_tf.benchmark.processes import on_cores
from rme_tf.core.files import read_json
from rme_tf.core.gaussian import noise_like_tfp
from rme_tf.experiments.reports import documents

NAMES = ("VAE", "RME(5)")
TINY = {"side": 6, "units": (5, 4), "latent_dim": 2, "batch_size": 3, "steps": 2}


def loss_and_gradients(model, x, seed, monkeypatch):
    """Negative mean objective of a step of the library, and its gradients."""
    taken = []
    for module in (bound, recursive_mixture):
        monkeypatch.setattr(module, "ascend", lambda *arguments: taken.append(arguments[-1]))
    model.algorithm.step(model, x, seed)
    variables = [weight.value for weight in model.trainable_variables]
    with tf.GradientTape() as tape:
        loss = -tf.reduce_mean(taken[0]()[0])
    return loss, [np.asarray(gradient) for gradient in tape.gradient(loss, variables)]


@pytest.mark.parametrize("networks", ["mlp", pytest.param("conv", marks=pytest.mark.slow)])
@pytest.mark.parametrize(("components", "trunk"), [(1, False), (3, True), (3, False)])
def test_losses_and_gradients_in_jax_are_the_librarys(networks, components, trunk, monkeypatch, rng):
    jax = pytest.importorskip("jax")
    sizes = Sizes(networks=networks, **TINY)
    model = contenders.model_of(Contender(components=components, trunk=trunk), sizes)
    for weight in model.trainable_variables:
        weight.assign(weight + rng.normal(scale=0.2, size=weight.shape))
    x, seed = rng.integers(0, 2, (3, 6, 6, 1)).astype("float32"), tf.constant([3, 4])
    noise = [noise_like_tfp([1], [3, 2], tf.random.fold_in(seed, m))[0] for m in range(components)]
    loss = jax_steps.vae_loss if components == 1 else jax_steps.rme_loss
    received, gradients = jax.value_and_grad(loss)(contenders.weights_of(model), x, np.stack(noise, axis=1))
    expected, expected_gradients = loss_and_gradients(model, tf.constant(x), seed, monkeypatch)
    assert float(received) == pytest.approx(float(expected), rel=1e-5)
    for weight, gradient in zip(model.trainable_variables, expected_gradients, strict=True):
        weight.assign(gradient)  # in the form of the weights in JAX
    pairs = zip(jax.tree.leaves(gradients), jax.tree.leaves(contenders.weights_of(model)), strict=True)
    for gradient, expected_gradient in pairs:
        np.testing.assert_allclose(gradient, expected_gradient, rtol=1e-4, atol=1e-5 * np.abs(gradient).max())


@pytest.mark.parametrize("scanned", [1, 2])
def test_an_epoch_in_jax_lowers_the_loss(scanned):
    pytest.importorskip("jax")
    run = contenders.training(Contender(components=2, in_jax=True, scanned=scanned), Sizes(**{**TINY, "steps": 4}))
    losses = [run() for _ in range(40)]
    assert losses[-1] < losses[0]


def test_rows_are_medians_of_the_rounds_ratios():
    ours, jax = np.array([[4.0, 2.0], [6.0, 4.0], [9.0, 5.0]]), np.array([[2.0, 1.0], [4.0, 4.0], [3.0, 5.0]])
    (row,) = steps.rows("mlp", {"VAE": ours, "VAE in JAX": jax})
    assert (row["step of"], row["next to"]) == ("VAE", "VAE in JAX")
    assert row["ms"] == 6.0
    assert (row["times its time"], row["times its CPU time"]) == (2.0, 1.0)


def test_every_pair_is_of_trainings_and_every_training_in_a_pair():
    assert {name for pair in steps.PAIRS for name in pair} == set(steps.CONTENDERS)


@pytest.mark.parametrize("name", [name for name, contender in steps.CONTENDERS.items() if not contender.in_jax])
def test_a_training_is_of_the_named_model(name):
    contender = steps.CONTENDERS[name]
    model = contenders.model_of(contender, Sizes(**TINY))
    assert name.startswith(f"RME({model.num_components})" if model.num_components > 1 else "VAE")
    assert getattr(model.algorithm, "components_per_step", None) == (1 if "one component" in name else None)
    assert model.jit_compile == ("XLA" in name)


def test_without_jax_its_trainings_are_left_out(monkeypatch):
    monkeypatch.setattr(steps.importlib.util, "find_spec", lambda name: None)
    assert not any("JAX" in name for name in steps.chosen(steps.Options(), "mlp"))


def test_a_run_prints_its_table_and_keeps_its_record(tmp_path, monkeypatch, capsys):
    taken, sizes = [], {"side": 4, "units": (3,), "latent_dim": 2, "batch_size": 2, "steps": 50}

    def turns(builders, rounds, cores):
        taken.append((builders, rounds, cores))
        return {name: np.full([rounds, 2], [2.0, 1.0] if "RME" in name else [1.0, 1.0]) for name in builders}

    monkeypatch.setattr(steps, "turns_in_processes", turns)
    out = tmp_path / "benchmark_steps" / "benchmark.json"
    flags = [
        "--side=4",
        "--units=3",
        "--latent-dim=2",
        "--batch-size=2",
        "--conv-steps=50",
        "--cores=1",
        f"--out={out}",
    ]
    monkeypatch.setattr(sys, "argv", ["steps", *flags, "--networks", "conv", "--conv-trainings", "VAE", "RME(5)"])
    steps.main()
    assert "RME(5)" in capsys.readouterr().out
    expected = {
        name: (contenders.training, (steps.CONTENDERS[name], Sizes(networks="conv", **sizes))) for name in NAMES
    }
    assert taken == [(expected, 7, 1)]
    (row,) = read_json(out)["table"]
    assert row["ms"] == 40.0
    assert (row["times its time"], row["times its CPU time"]) == (2.0, 1.0)
    rendered = documents.render("<!-- benchmark: benchmark_steps -->\n<!-- end of results -->", tmp_path)
    assert "| conv" in rendered


# Processes.


def turns_in_threads(monkeypatch):
    """Lets the processes of runs be threads of this one, which start at once."""

    def process(target, args, daemon):
        connection, *others = args  # the caller closes its own
        copied = multiprocessing.connection.Connection(os.dup(connection.fileno()))
        return threading.Thread(target=target, args=(copied, *others), daemon=daemon)

    context = types.SimpleNamespace(Pipe=multiprocessing.Pipe, Process=process)
    monkeypatch.setattr(processes.multiprocessing, "get_context", lambda method: context)


def test_runs_take_turns_and_the_first_round_is_left_out(monkeypatch):
    turns_in_threads(monkeypatch)
    calls = []
    builders = {name: (functools.partial, (calls.append, name)) for name in "ab"}
    seconds = processes.turns_in_processes(builders, rounds=3)
    assert calls == ["a", "b"] * 4
    assert {name: values.shape for name, values in seconds.items()} == {"a": (3, 2), "b": (3, 2)}
    assert all((values >= 0.0).all() for values in seconds.values())


def test_a_process_that_ends_early_is_named(monkeypatch):
    turns_in_threads(monkeypatch)

    def serve(connection, build, arguments):
        connection.close()

    monkeypatch.setattr(processes, "_serve", serve)
    with pytest.raises(RuntimeError, match="The process of it ended"):
        processes.turns_in_processes({"it": (functools.partial, (sum, ()))}, rounds=1)


@pytest.mark.slow
def test_a_run_has_a_process_of_its_own():
    seconds = processes.turns_in_processes({"it": (functools.partial, (sum, range(10)))}, rounds=1, cores=1)
    assert seconds["it"].shape == (1, 2)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system has no choice of cores")
def test_cores_are_chosen_for_the_context_alone():
    before = os.sched_getaffinity(0)
    with on_cores(1):
        assert len(os.sched_getaffinity(0)) == 1
    with on_cores(None):
        assert os.sched_getaffinity(0) == before
    with pytest.raises(ValueError, match="`cores` must be an integer from 1 to"), on_cores(len(before) + 1):
        pass
    assert os.sched_getaffinity(0) == before
