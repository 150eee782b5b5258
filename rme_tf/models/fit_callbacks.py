"""What every `fit` of a model is watched by, and what it makes of the callbacks that it is given."""

import math
import re
import warnings

import keras
import tensorflow as tf

from rme_tf.algorithms.aggressive import StopAggressive
from rme_tf.core.types import LogProbs
from rme_tf.models.best_epochs import BestEpochs, MixtureAtTheEnd, is_whole

NON_FINITE_TERMS = (
    "log alpha(x), from the mixing network",
    "log q(z|x), from the encoders",
    "log p(z), from the prior",
    "log p(x|z), from the decoder and the likelihood",
)
LOGGERS = (keras.callbacks.CSVLogger, keras.callbacks.TensorBoard)
RISING = re.compile(r"(val_)?(elbo(_\d+)?|reconstruction)")  # names in the epoch log of what is to be maximised


def check_compiled(model, method: str) -> None:
    """Raise ValueError before a method that needs a compiled model, on one that is not."""
    if not model.compiled:
        raise ValueError(f"You must call `compile()` before calling `{method}()`.")


def refuse_weights(sample_weight=None, class_weight=None, **others) -> None:
    """Raises ValueError if observations are given weights; other keywords pass."""
    del others
    if sample_weight is not None or class_weight is not None:
        raise ValueError("`sample_weight` and `class_weight` are not supported: every observation counts once.")


def refuse_weights_in(*data) -> None:
    """Raises ValueError for a tuple (x, y, sample_weight), or a `tf.data.Dataset` of them."""
    for source in data:
        parts = source.element_spec if isinstance(source, tf.data.Dataset) else source
        third = parts[2] if isinstance(parts, tuple | list) and len(parts) == 3 else None
        refuse_weights(None if isinstance(third, type(tf.type_spec_from_value(None))) else third)


def first_non_finite(log_probs: LogProbs):
    """Returns 0 if all terms are finite, else 1 + the index in `NON_FINITE_TERMS` of the first that is not.

    The order is that of the computation, so the first is the cause of the others. Scalar int64.
    """
    terms = (log_probs.log_alpha, log_probs.log_q_all, log_probs.log_prior, log_probs.log_lik)
    broken = [tf.logical_not(tf.reduce_all(tf.math.is_finite(term))) for term in terms]
    return tf.argmax(tf.cast(tf.stack([False, *broken]), tf.int32))


def stop_if_not_finite(model, loss, where: str) -> None:
    """Raises FloatingPointError, naming the first non-finite term, if the loss of a step is not finite.

    Args:
        model: a `VAE`, with `non_finite` from its last steps.
        loss: a number.
        where: the step, in words.
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
    """Returns the callbacks of a `fit`, between those that every one has.

    One that monitors a bound, such as `EarlyStopping("val_elbo")`, and leaves it to Keras to find out whether
    it should rise or fall, is told that it should rise: Keras knows only the metrics that it compiles itself.
    Epochs of the warm start do not count as the best ones: see `BestEpochs`.

    Warns of aggressive training that nothing ends, and of callbacks that keep the logs (Keras's, or with `keeps_logs`)
    before another, with `adds_to_logs`, has added to them.

    Args:
        model: a compiled `VAE`.
        callbacks: what `fit` was given.
    """
    callbacks = [callback for callback in keras.tree.flatten(callbacks) if callback is not None]
    for callback in callbacks:
        if getattr(callback, "mode", None) == "auto" and RISING.fullmatch(getattr(callback, "monitor", "")):
            callback.mode = "max"
    for text in (_endless(model, callbacks), _too_early(callbacks)):
        if text:
            warnings.warn(text, stacklevel=3)  # at the call of `fit`
    return [FitCallback(callbacks), *callbacks, MixtureAtTheEnd()]


def _endless(model, callbacks) -> str:
    """Returns what to say of aggressive training that nothing ends; nothing where it ends, or there is none."""
    ends = any(isinstance(callback, StopAggressive) for callback in callbacks)
    if model.algorithm.aggressive is None or model.inner_loop.on.numpy() == 0.0 or ends:
        return ""
    return (
        "Aggressive training will last as long as `fit`, and the decoder wait for the encoders. Expected among the "
        "callbacks: `CollapseMonitor(validation_data)`, and after it `StopAggressive()`."
    )


def _too_early(callbacks) -> str:
    """Returns what to say of callbacks that will miss what others add to the logs; nothing if there are none."""
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
    """Grows the mixture after the warm start, counts epochs, and stops a training that turned NaN.

    `rme_tf.VAE.fit` adds it by itself, before the user's callbacks.

    Args:
        callbacks: the user's.
    """

    def __init__(self, callbacks=()):
        super().__init__()
        self.best_epochs = BestEpochs(callbacks)

    def on_epoch_begin(self, epoch, logs=None):
        """Lets the model's schedule act."""
        self.model.begin_epoch()
        self.best_epochs.begin(epoch, is_whole(self.model))

    def on_train_batch_end(self, batch, logs=None):
        """Raises FloatingPointError, naming the first non-finite term, once the loss is not finite."""
        if logs is not None:
            stop_if_not_finite(self.model, logs["loss"], f"at batch {batch}")

    def on_epoch_end(self, epoch, logs=None):
        """Counts the epoch."""
        self.model.epochs_trained.assign_add(1)

    def close(self):
        """Leaves the user's callbacks as they were, however `fit` has ended."""
        self.best_epochs.release()
