"""Keras callback that reports and warns of collapse during training."""

import math
import warnings
from collections.abc import Callable

import keras

from rme_tf.core.validation import check_count, check_counts
from rme_tf.evaluation import diagnostics
from rme_tf.evaluation.collapse import checked_first, collapse_report
from rme_tf.evaluation.collapse_signs import Sign, signs_of_collapse
from rme_tf.evaluation.collapse_values import CollapseReport
from rme_tf.models.phases import unsettled
from rme_tf.models.running_means import LOGGED_COMPONENTS

PATIENCE = 3  # epochs with all components at the final KL weight before a warning

# In nats, except `active_units` and `usage_min`. The names differ from the names in the epoch log of `fit`.
SCALARS: dict[str, Callable[[CollapseReport], float]] = {
    "kl_total": lambda report: report.kl,
    "kl_aggregate": lambda report: report.kl_aggregate,
    "mi": lambda report: report.mutual_information,
    "mi_batch": lambda report: report.mutual_information_batch,
    "active_units": lambda report: report.active_units,
    "reliance": lambda report: report.reliance,
    "posterior_log_lik": lambda report: report.reconstruction,
    "prior_log_lik": lambda report: report.prior_log_likelihood,
    "mixing_entropy": lambda report: report.mixing_entropy,
    "usage_entropy": lambda report: report.usage_entropy,
    "usage_min": lambda report: report.usage.min(),
    "component_mi": lambda report: report.component_information,
    "component_kl_min": lambda report: diagnostics.closest_components(report.component_kl)[-1],
}
# For M of at least 2. There are two more scalars for each component if the epoch log has lines for M components.
MIXTURE_SCALARS = {"mixing_entropy", "usage_entropy", "usage_min", "component_mi", "component_kl_min"}
COMPONENT_SCALARS = ("kl_per_component", "usage")


class CollapseMonitor(keras.callbacks.Callback):
    """Logs the scalars of a `CollapseReport` and warns of collapse.

    The report is computed at the end of an epoch. Its scalars are added to `logs`, which Keras passes from callback to
    callback in the order of the list: later callbacks (`CSVLogger`, `TensorBoard`, `ResumableCheckpoint`) and the
    `History` of `fit` have them, and `fit` warns if such a callback comes earlier. In epochs without a report the logs
    do not have them; the `History` has NaN there. A mixture of at most 16 components also has `usage_m` and
    `kl_per_component_m` for each component. `mi_batch` is computed within minibatches of `batch_size`, and is at most
    the log of that size.

    A warning has the value, its threshold, the number of observations and the standard error, and remedies that are
    not on. It waits until the value is below the threshold by two standard errors, `patience` epochs after the warm
    start and the rise of the KL weight; earlier the numbers change anyway.

    Args:
        data: array or `tf.data.Dataset`, see `collapse_report`. A shuffled data set gives other observations in every
            epoch.
        every: number of epochs from one report to the next.
        max_observations: largest number of observations N.
        num_samples: number of draws S from each component.
        batch_size: minibatch size B.
        seed: integer seed of the draws.
        per_dimension: whether to log KL(q_m || p) of every latent dimension d as `kl_per_dimension_m_d`, if it has a
            closed form.
        warn: whether to warn, once for each kind of collapse.
        patience: number of epochs before a warning, in which all components train and the KL weight has its final
            value.

    Raises:
        ValueError: if `every` or `patience` is less than 1; at the start of a training, if the data do not fit the
            model.

    Attributes:
        history: dict of lists with one value a report: the scalars, and "epoch", counted from 1.
        report: last `CollapseReport`; None before the first one.
    """

    adds_to_logs = True

    def __init__(
        self,
        data,
        every=1,
        *,
        max_observations=500,
        num_samples=1,
        batch_size=64,
        seed=0,
        per_dimension=False,
        warn=True,
        patience=PATIENCE,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.data = data
        self.every = check_count("every", every)
        check_counts(max_observations=max_observations, num_samples=num_samples, batch_size=batch_size)
        self.options = {
            "max_observations": max_observations,
            "num_samples": num_samples,
            "batch_size": batch_size,
            "seed": seed,
        }
        self.per_dimension = per_dimension
        self.warn = warn
        self.patience = check_count("patience", patience)
        self.history: dict[str, list[float]] = {}
        self.report: CollapseReport | None = None
        self._warned: set[str] = set()
        self._settled = 0

    def on_train_begin(self, logs=None):
        """Checks the data against the model."""
        checked_first(self.model, self.data, self.options["max_observations"])

    def on_epoch_end(self, epoch, logs=None):
        """Adds the scalars of a report to the logs, if due."""
        self._settled = 0 if unsettled(self.model) else self._settled + 1
        if (epoch + 1) % self.every == 0:
            values = self._observe(epoch)
            if logs is not None:
                logs.update(values)

    def get_state(self) -> dict:
        """Returns what a resumed training needs, for `ResumableCheckpoint`."""
        return {"history": self.history, "warned": sorted(self._warned), "settled": self._settled}

    def set_state(self, state: dict) -> None:
        """Takes over the result of `get_state`."""
        self.history.update({name: _numbers(values) for name, values in state["history"].items()})
        self._warned, self._settled = set(state["warned"]), state["settled"]

    def log_names(self, model) -> list[str]:
        """Returns the names that reports on a model add to the logs.

        Args:
            model: `VAE` in training.
        """
        return scalar_names(model.num_components, model.latent_dim if self.per_dimension else 0)

    def _observe(self, epoch: int) -> dict[str, float]:
        self.report = collapse_report(self.model, self.data, **self.options)
        values = scalars(self.report, self.log_names(self.model))
        for name, value in {"epoch": float(epoch + 1), **values}.items():
            self.history.setdefault(name, []).append(value)
        if self.warn and self._settled >= self.patience:
            self._warn_of(signs_of_collapse(self.report), epoch)
        return values

    def _warn_of(self, signs: dict[str, Sign], epoch: int):
        for kind, sign in signs.items():
            if sign.certain and kind not in self._warned:
                self._warned.add(kind)
                warnings.warn(f"{kind} (epoch {epoch + 1}): {sign}", stacklevel=2)


def scalars(report: CollapseReport, names=None) -> dict[str, float]:
    """Returns scalars of a report by name, without missing ones.

    Args:
        report: `CollapseReport` with the scalars.
        names: names of the scalars; None is `scalar_names`.
    """
    entries = report.as_dict()
    values = {name: float(scalar(report)) for name, scalar in SCALARS.items() if name not in MIXTURE_SCALARS}
    if len(report.usage) > 1:
        values |= {name: float(SCALARS[name](report)) for name in MIXTURE_SCALARS}
    values = {**entries, **values}
    if math.isnan(report.reliance) and math.isfinite(report.reconstruction):  # every batch is one row
        del values["reliance"]
    return {name: values[name] for name in names or scalar_names(len(report.usage)) if name in values}


def scalar_names(num_components: int, num_dimensions: int = 0) -> list[str]:
    """Returns the names of the scalars that apply to M components.

    Args:
        num_components: number of components M.
        num_dimensions: number of latent dimensions, from the first on, whose KL is included.
    """
    names = [name for name in SCALARS if num_components > 1 or name not in MIXTURE_SCALARS]
    if num_components > LOGGED_COMPONENTS:
        return names
    if num_components > 1:
        names += [f"{name}_{m}" for name in COMPONENT_SCALARS for m in range(num_components)]
    return names + [f"kl_per_dimension_{m}_{d}" for m in range(num_components) for d in range(num_dimensions)]


def _numbers(values: list) -> list[float]:
    """Returns values of a checkpoint, in which None stands for a number that is not finite."""
    return [math.nan if value is None else value for value in values]
