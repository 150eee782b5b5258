"""Answers of a model that a saved file must give again: inference, densities, counters, losses."""

import numpy as np
import tensorflow as tf

COUNTERS = ("num_active", "epochs_trained", "non_finite")
SEED_STATE = [7, 0]  # of the epoch after loading: the state of the random numbers is not in a file


def fixed_codes(model, x, *, seed=1):
    """Returns codes z [2, B, M, D], the same in every process, for observations x [B, ...]."""
    shape = (2, len(x), model.num_components, model.latent_dim)
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def answers_of(model, x, z) -> dict:
    """Returns the amortized params, the densities at z, the posterior's moments, and images of a few codes."""
    encoding = model.amortised(x)
    log_lik, log_prior = model.log_joint(tf.constant(x), tf.constant(z))
    answers = {"params": encoding.params, "log_alpha": encoding.log_alpha, "log_lik": log_lik, "log_prior": log_prior}
    answers["log_q_all"] = model.posterior_of(encoding).component_log_probs(tf.constant(z))
    answers |= model(x)
    if not model.autoregressive:  # whose images and sentences are draws, of many steps
        answers["rendered"] = model.render(z[0, :2, 0])
    return {name: np.asarray(value) for name, value in answers.items()}


def counters_of(model) -> dict:
    """Returns the counters of a model's training, its inner loop and its optimizer."""
    counters = {name: getattr(model, name) for name in COUNTERS} | {"iterations": model.optimizer.iterations}
    counters |= {f"inner_{name}": getattr(model.inner_loop, name) for name in ("on", "decoder_moves", "step", "total")}
    return {name: np.asarray(variable.numpy()) for name, variable in counters.items()}


def resumed_losses(model, x):
    """Returns the losses of one more epoch, of two batches in their order, by noise of a fixed seed."""
    model.seed_generator.state.assign(SEED_STATE)
    return np.asarray(model.fit(x, batch_size=len(x) // 2, epochs=1, shuffle=False, verbose=0).history["loss"])


def layers_in(config) -> list[str]:
    """Returns the names of the classes in a serialized object, its own among them, in alphabetical order."""
    if isinstance(config, list):
        return sorted({name for entry in config for name in layers_in(entry)})
    if not isinstance(config, dict):
        return []
    own = [config.get("registered_name") or config["class_name"]] if "class_name" in config else []
    return sorted({*own, *layers_in(list(config.values()))})
