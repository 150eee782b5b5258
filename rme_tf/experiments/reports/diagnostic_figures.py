"""Figures of the diagnostics that were monitored over epochs."""

from rme_tf import plots
from rme_tf.experiments.reports.tables import Record

# Key in the history of a run -> label.
DIAGNOSTICS = {
    "mi": "I(x; z), nats",
    "kl_total": "KL(Q || p), nats",
    "active_units": "active units",
    "reliance": "reliance on z, nats",
    "val_elbo": "validation ELBO, nats",
    "component_mi": "I(m; z | x), nats",
}


def draw_diagnostics(records: list[Record], path) -> None:
    """Draws the diagnostics of `CollapseMonitor` by epoch.

    Args:
        records: records of the runs; the first seed of each method is drawn.
        path: path of the figure.
    """
    histories: dict[str, dict] = {}
    for record in records:
        if "mi" in record["history"]:  # a language model has none
            histories.setdefault(record["method"], record["history"])
    metrics = {name: label for name, label in DIAGNOSTICS.items() if any(name in h for h in histories.values())}
    plots.save(plots.diagnostic_curves(histories, metrics), path)
