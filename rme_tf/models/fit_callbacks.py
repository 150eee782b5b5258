"""The callback of every `fit`, and checks of the user's callbacks."""

import math
import re
import warnings

import keras
import tensorflow as tf

from rme_tf.algorithms.aggressive import StopAggressive
from rme_tf.core import replicas
from rme_tf.core.types import LogProbs
from rme_tf.models.best_epochs import BestEpochs, MixtureAtTheEnd, is_whole
from rme_tf.models.epoch_lines import EpochLines
from rme_tf.models.epoch_logs import CompleteColumns, CompleteHistory, drop_missing
from rme_tf.models.fit_options import refuse_weights

NON_FINITE_TERMS = (
    "log alpha(x), from the mixing network",
    "log q(z|x), from the encoders",
    "log p(z), from the prior",
    "log p(x|z), from the decoder and the likelihood",
)
LOGGERS = (keras.callbacks.CSVLogger, keras.callbacks.TensorBoard)
RISING = re.compile(r"(val_)?(elbo(_\d+)?|reconstruction)")  # names in the epoch log of quantities to maximize


def check_compiled(model, method: str) -> None:
    """Checks that a model is compiled.

    Args:
        model: Keras model.
        method: name of the method that is called, for the message.

    Raises:
        ValueError: if the model is not compiled.
    """
    if not model.compiled:
        raise ValueError(f"You must call `compile()` before calling `{method}()`.")


def refuse_weights_in(*data) -> None:
    """Checks that data have no weights of observations.

    Args:
        *data: tuples such as (x, y, sample_weight), or `tf.data.Dataset` objects of tuples.

    Raises:
        ValueError: if a tuple has `sample_weight`.
    """
    for source in data:
        parts = source.element_spec if isinstance(source, tf.data.Dataset) else source
        third = parts[2] if isinstance(parts, tuple | list) and len(parts) == 3 else None
        refuse_weights(None if isinstance(third, type(tf.type_spec_from_value(None))) else third)


def first_non_finite(log_probs: LogProbs):
    """Returns 1 + the index in `NON_FINITE_TERMS` of the first non-finite term.

    The result, a scalar int64, is 0 if all terms are finite. The terms are in the order of the computation, so the
    first one is the cause of the others.
    """
    terms = (log_probs.log_alpha, log_probs.log_q_all, log_probs.log_prior, log_probs.log_lik)
    broken = [tf.logical_not(tf.reduce_all(tf.math.is_finite(term))) for term in terms]
    return tf.argmax(replicas.total(tf.cast(tf.stack([False, *broken]), tf.int32)))


def stop_if_not_finite(model, loss, where: str) -> None:
    """Checks that the loss of a step is finite.

    Args:
        model: `VAE`, with `non_finite` from its last steps.
        loss: loss of the step.
        where: description of the step, for the message.

    Raises:
        FloatingPointError: if the loss is not finite; the message names the first non-finite term.
    """
    if math.isfinite(float(loss)):
        return
    code = int(model.non_finite.numpy())
    term = NON_FINITE_TERMS[code - 1] if code else "a regularisation loss"
    raise FloatingPointError(
        f"Training stopped {where}: the loss is not finite. The first non-finite term is {term}. "
        "What was saved before stays. Try a smaller learning rate, `clipnorm` in the optimizer, or a "
        "smaller `kl_bound`."
    )


def prepared_callbacks(model, callbacks=None) -> list:
    """Returns the callbacks of a `fit`, with the library's callbacks.

    For a callback that monitors a bound, such as `EarlyStopping("val_elbo")`, the mode "auto" becomes "max": Keras only
    knows the direction of metrics that it compiles. Epochs of the warm start are not best epochs: see `BestEpochs`.

    Names without a value in an epoch are not in its logs: see `epoch_logs`. There are warnings for aggressive training
    without an end, and for callbacks that store the logs (Keras's loggers,
    or with `keeps_logs`) before a later callback, with `adds_to_logs`, adds to them.

    Args:
        model: compiled `VAE`.
        callbacks: callbacks of the user.
    """
    callbacks = [callback for callback in keras.tree.flatten(callbacks) if callback is not None]
    for callback in callbacks:
        if getattr(callback, "mode", None) == "auto" and RISING.fullmatch(getattr(callback, "monitor", "")):
            callback.mode = "max"
    for text in (_endless(model, callbacks), _too_early(callbacks)):
        if text:
            warnings.warn(text, stacklevel=3)  # at the call of `fit`
    names = log_names(model, callbacks)
    for index, callback in enumerate(callbacks):
        if isinstance(callback, StopAggressive):
            callback.may_wait = callback.monitor in log_names(model, callbacks[:index])
    columns = [
        [CompleteColumns(callback, names), callback] if isinstance(callback, keras.callbacks.CSVLogger) else callback
        for callback in callbacks
    ]
    history = [] if _has(callbacks, keras.callbacks.History) else [CompleteHistory(names)]
    ours = [MixtureAtTheEnd(), *history, AllBegun(callbacks)]
    return [FitCallback(callbacks), *printing_callbacks(model, [*keras.tree.flatten(columns), *ours], names)]


def printing_callbacks(model, callbacks=None, names=None):
    """Returns callbacks with `EpochLines`, unless one of them prints the progress.

    Args:
        model: `VAE` in training or evaluation.
        callbacks: callbacks of a `fit` or an `evaluate`.
        names: names of the library's logs; None is the model's.
    """
    if isinstance(callbacks, keras.callbacks.CallbackList):
        return callbacks
    callbacks = [callback for callback in keras.tree.flatten(callbacks) if callback is not None]
    if _has(callbacks, keras.callbacks.ProgbarLogger):
        return callbacks
    return [*callbacks, EpochLines(log_names(model) if names is None else names)]


def log_names(model, callbacks=()) -> list[str]:
    """Returns the names of the library's logs of an epoch, without `val_`.

    Args:
        model: `VAE` in training.
        callbacks: callbacks, of which some have `log_names(model)`, the names that they add to the logs.
    """
    added = (callback.log_names(model) for callback in callbacks if hasattr(callback, "log_names"))
    return [*model.metrics_names, *(name for names in added for name in names)]


def _has(callbacks, kind: type) -> bool:
    """Returns whether a callback is of a class."""
    return any(isinstance(callback, kind) for callback in callbacks)


def _endless(model, callbacks) -> str:
    """Returns a warning about aggressive training without an end, or ""."""
    ends = any(isinstance(callback, StopAggressive) for callback in callbacks)
    if model.algorithm.aggressive is None or model.inner_loop.on.numpy() == 0.0 or ends:
        return ""
    return (
        "Aggressive training will last as long as `fit`, and the decoder wait for the encoders. Expected among the "
        "callbacks: `CollapseMonitor(validation_data)`, and after it `StopAggressive()`."
    )


def _too_early(callbacks) -> str:
    """Returns a warning about callbacks that miss additions of others to the logs, or ""."""
    adding = [index for index, callback in enumerate(callbacks) if getattr(callback, "adds_to_logs", False)]
    early = [
        type(callback).__name__
        for callback in callbacks[: max(adding, default=0)]
        if getattr(callback, "keeps_logs", isinstance(callback, LOGGERS))
    ]
    if not early:
        return ""
    last = type(callbacks[adding[-1]]).__name__
    return f"{', '.join(early)} will not see what {last} adds to the logs. Put {last} before in the list of callbacks."


class FitCallback(keras.callbacks.Callback):
    """Activates components, counts epochs, and stops a training with NaN.

    `rme_tf.VAE.fit` adds this callback before the user's callbacks.

    Args:
        callbacks: callbacks of the user.
    """

    def __init__(self, callbacks=()):
        super().__init__()
        self.callbacks = callbacks
        self.best_epochs = BestEpochs(callbacks)
        self._first = 0
        self._resumed_logs: dict | None = None

    def on_epoch_begin(self, epoch, logs=None):
        """Applies the model's schedule, or continues a broken epoch."""
        self._resumed_logs = self.model.continue_epoch()
        if self._resumed_logs is None:
            self.model.begin_epoch()
        left = self.model.algorithm.warm_start_epochs - int(self.model.epochs_trained.numpy())
        self.best_epochs.begin(epoch, 0 if is_whole(self.model) else left)

    def on_train_batch_begin(self, batch, logs=None):
        """Records the first batch of an execution."""
        self._first = batch

    def on_train_batch_end(self, batch, logs=None):
        """Raises FloatingPointError if the loss is not finite."""
        if logs is not None:
            where = f"at batch {batch}" if batch == self._first else f"at one of the batches {self._first} to {batch}"
            stop_if_not_finite(self.model, logs["loss"], where)
            drop_missing(logs)

    def on_epoch_end(self, epoch, logs=None):
        """Counts the epoch, and removes missing values from its logs."""
        self.model.epochs_trained.assign_add(1)
        if logs is not None and self._resumed_logs is not None and "loss" not in logs:  # no step was left
            validation = dict(logs)
            logs.clear()
            logs.update({**self._resumed_logs, **validation})
        drop_missing(logs)

    def close(self):
        """Restores the user's callbacks after `fit`, and calls their `after_fit`.

        An error in `fit` does not prevent it.
        """
        self.best_epochs.release()
        for callback in self.callbacks:
            if hasattr(callback, "after_fit"):
                callback.after_fit()


class AllBegun(keras.callbacks.Callback):
    """Calls `all_begun(callbacks)` of callbacks once all have begun.

    `rme_tf.VAE.fit` adds this callback after the user's callbacks.

    Args:
        callbacks: callbacks of the user.
    """

    def __init__(self, callbacks=()):
        super().__init__()
        self.callbacks = callbacks

    def on_train_begin(self, logs=None):
        """Calls the callbacks."""
        for callback in self.callbacks:
            if hasattr(callback, "all_begun"):
                callback.all_begun(self.callbacks)


def last_epoch(callbacks, epochs: int, initial_epoch: int = 0, **others) -> int:
    """Returns the last epoch of a `fit`.

    It is the initial one, if a callback had ended the training that is resumed.

    Args:
        callbacks: callbacks of the user, of which some have `had_ended(callbacks)`.
        epochs: argument of `fit`.
        initial_epoch: argument of `fit`.
        **others: ignored arguments of `fit`.
    """
    del others
    callbacks = [callback for callback in keras.tree.flatten(callbacks) if callback is not None]
    ended = any(callback.had_ended(callbacks) for callback in callbacks if hasattr(callback, "had_ended"))
    return min(epochs, initial_epoch) if ended else epochs
