"""Keras callback that reports and warns of collapse during training."""

import math
import warnings
from collections.abc import Callable

import keras

from rme_tf.core.validation import check_count
from rme_tf.evaluation import diagnostics
from rme_tf.evaluation.collapse import CollapseReport, checked_first, collapse_report
from rme_tf.models.training import LOGGED_COMPONENTS

MIN_KL = 0.1  # nats, for KL(Q || p) and I(x; z): codes with less carry no information
MIN_RELIANCE = 0.1  # nats: with less, the decoder does as well with the code of another observation
MIN_USAGE = 0.02  # mean alpha, or half of 1 / M if smaller
MIN_COMPONENT_KL = 0.01  # nats: with less, two components are equal

REMEDIES = "Try KL annealing, free bits, aggressive training of the encoders, or word dropout in the decoder."
MIXTURE_REMEDIES = "Try uniform weights, a larger `kl_bound`, or more noise at the end of the warm start."

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
    `History` of `fit` have them, and `fit` warns if such a callback comes earlier. In epochs without a report they are
    NaN, so that the columns stay complete. A mixture of at most 16 components also has `usage_m` and
    `kl_per_component_m` for each component. `mi_batch` is computed within minibatches of `batch_size`, and is at most
    the log of that size.

    Args:
        data: array or `tf.data.Dataset`, see `collapse_report`. A shuffled data set gives other observations in every
            epoch.
        every: number of epochs from one report to the next.
        max_observations: largest number of observations N.
        num_samples: number of draws S from each component.
        batch_size: minibatch size B.
        seed: integer seed of the draws.
        per_dimension: whether to log KL(q_m || p) of every latent dimension d as `kl_per_dimension_m_d`, NaN without a
            closed form.
        warn: whether to warn, once for each kind of collapse. There are no warnings about components during a warm
            start (`model.num_active` less than `model.num_components`).

    Raises:
        ValueError: if `every` is less than 1; at the start of a training, if the data do not fit the model.

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
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.data = data
        self.every = check_count("every", every)
        self.options = {
            "max_observations": max_observations,
            "num_samples": num_samples,
            "batch_size": batch_size,
            "seed": seed,
        }
        self.per_dimension = per_dimension
        self.warn = warn
        self.history: dict[str, list[float]] = {}
        self.report: CollapseReport | None = None
        self._warned: set[str] = set()

    def on_train_begin(self, logs=None):
        """Checks the data against the model."""
        checked_first(self.model, self.data, self.options["max_observations"])

    def on_epoch_end(self, epoch, logs=None):
        """Adds the scalars of a report to the logs, if due."""
        due = (epoch + 1) % self.every == 0
        values = self._observe(epoch) if due else dict.fromkeys(self._names(), math.nan)
        if logs is not None:
            logs.update(values)

    def _names(self) -> list[str]:
        return scalar_names(self.model.num_components, self.model.latent_dim if self.per_dimension else 0)

    def _observe(self, epoch: int) -> dict[str, float]:
        self.report = collapse_report(self.model, self.data, **self.options)
        values = scalars(self.report, self._names())
        for name, value in {"epoch": float(epoch + 1), **values}.items():
            self.history.setdefault(name, []).append(value)
        if self.warn:
            self._warn_of(signs_of_collapse(self.report, warming=self._warming()), epoch)
        return values

    def _warming(self) -> bool:
        active = getattr(self.model, "num_active", None)
        return active is not None and int(active.numpy()) < self.model.num_components

    def _warn_of(self, signs: dict[str, str], epoch: int):
        for kind, text in signs.items():
            if kind not in self._warned:
                self._warned.add(kind)
                warnings.warn(f"{kind} (epoch {epoch + 1}): {text}", stacklevel=2)


def scalars(report: CollapseReport, names=None) -> dict[str, float]:
    """Returns scalars of a report by name, NaN for missing ones.

    Args:
        report: `CollapseReport` with the scalars.
        names: names of the scalars; None is `scalar_names`.
    """
    entries = report.as_dict()
    return {
        name: float(SCALARS[name](report)) if name in SCALARS else entries.get(name, math.nan)
        for name in names or scalar_names(len(report.usage))
    }


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


def signs_of_collapse(report: CollapseReport, *, warming=False) -> dict[str, str]:
    """Returns the kinds of collapse in a report, with evidence and remedies.

    Args:
        report: `CollapseReport` to read.
        warming: whether the model is in its warm start, when component collapse is not reported.
    """
    signs = _signs_in_codes(report)
    if len(report.usage) > 1 and not warming:
        in_components = _signs_in_components(report)
        if "Posterior collapse" in signs:
            in_components.pop("Identical components", None)  # all are the prior
        signs.update(in_components)
    return signs


def _signs_in_codes(report) -> dict[str, str]:
    evidence = (
        f"KL(Q(z|x) || p(z)) is {report.kl:.3g} nats, {report.active_units} latent dimensions are active, I(x; z) is "
        f"{report.mutual_information:.3g} nats ({report.mutual_information_batch:.3g} within minibatches of "
        f"{report.batch_size}), and log p(x|z) loses {report.reliance:.3g} nats with the code of another observation "
        f"({report.num_observations} observations)."
    )
    # The mean of a mixture may be constant while its components vary: then no active unit is no evidence.
    inactive = report.active_units == 0 and len(report.usage) == 1
    if inactive or min(report.kl, report.mutual_information) < MIN_KL:
        return {"Posterior collapse": f"the codes say next to nothing of the observations. {evidence} {REMEDIES}"}
    if report.reliance < MIN_RELIANCE:
        return {"The decoder ignores z": f"the codes differ, but it does not use them. {evidence} {REMEDIES}"}
    return {}


def _signs_in_components(report) -> dict[str, str]:
    signs = {}
    floor = min(MIN_USAGE, 0.5 / len(report.usage))
    unused = [f"{usage:.3g} of component {m}" for m, usage in enumerate(report.usage) if usage < floor]
    if unused:
        signs["Component collapse"] = (
            f"the mean weight alpha is {', '.join(unused)}, where 1/M is {1 / len(report.usage):.3g}; "
            f"I(m; z|x) is {report.component_information:.3g} nats. {MIXTURE_REMEDIES}"
        )
    m, j, divergence = diagnostics.closest_components(report.component_kl)
    if divergence < MIN_COMPONENT_KL:
        signs["Identical components"] = (
            f"KL between components {m} and {j} is {divergence:.3g} nats, I(m; z|x) is "
            f"{report.component_information:.3g} nats of at most {report.mixing_entropy:.3g}. {MIXTURE_REMEDIES}"
        )
    return signs
