"""Linear probes of runs on labeled data."""

import dataclasses
from typing import Any

from rme_tf.core.validation import require
from rme_tf.data import Labels
from rme_tf.evaluation.linear_probe import linear_probe

PROBED = 5000  # largest number of observations of each split


@dataclasses.dataclass(frozen=True, kw_only=True)
class ProbeFields:
    """Field of a recipe for its linear probe.

    Args:
        probe: whether the record has the test accuracy of a linear probe, labels predicted from posterior means; for
            data with labels only.
    """

    probe: bool = False

    def check_probe(self, labels: Labels | None) -> None:
        """Raises ValueError for a probe of data without labels."""
        remedy = "Choose a data set with classes, a folder with class folders, or sentences with labels."
        require(not self.probe or labels is not None, "probe", "be False for data without labels", True, remedy)


def probe_metrics(model, splits, labels: Labels) -> dict[str, dict[str, Any]]:
    """Returns the metrics of a linear probe, by name.

    Args:
        model: trained model.
        splits: training, validation and test observations, `PROBED` at most of each.
        labels: labels of all observations.
    """
    sizes = {split: len(x) for split, x in zip(("train", "validation", "test"), splits, strict=True)}
    return {"linear_probe": linear_probe(model, splits, labels.first(sizes))._asdict()}
