"""Trainings and callbacks of a small model, for their arguments."""

import rme_tf
from public_calls import X, model_of, once
from rme_tf import callbacks

SMALL = {"input_shape": (4,), "latent_dim": 2, "encoder": "mlp", "decoder": "mlp"}
SMALL |= {f"{part}_options": {"units": (3,)} for part in ("encoder", "decoder")}


def unfitted():
    """A small model that may be compiled otherwise, with its first weights."""
    model = once("unfitted", lambda: rme_tf.VAE.from_names(**SMALL, num_components=2, seed=0))
    model.set_weights(once("first weights", model.get_weights))
    return model


def fitted(options):
    """What `fit` does for an epoch with these options."""
    model = unfitted()
    model.compile("sgd", "elbo", run_eagerly=True)
    return model.fit(**{"x": X, "verbose": 0, "epochs": 1, "batch_size": 3, **options}).history


def compiled(options):
    """What `compile` makes trainable."""
    model = unfitted()
    model.compile(**{"optimizer": "sgd", "run_eagerly": True, **options})
    return model.fit(X, verbose=0, epochs=1, batch_size=6).history


def watched(options):
    monitor = callbacks.CollapseMonitor(**options)
    monitor.set_model(model_of())
    monitor.on_train_begin()
    logs: dict = {}
    monitor.on_epoch_end(0, logs)
    return logs
