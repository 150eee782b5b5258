"""Number of trained components in recorded runs."""

from collections.abc import Sequence

from rme_tf.experiments.reports.configuration import field


def components_trained(records: Sequence[dict]) -> int | str:
    """Returns M of the runs of one method, or "1 of M".

    The latter is for methods with a run that ended within its warm start, such as by a time limit.
    """
    number, warm_start = field(records[0], "components"), field(records[0], "warm_start_epochs", 0)
    stunted = number > 1 and any(_epochs(record) <= warm_start for record in records)
    return f"1 of {number}" if stunted else number


def _epochs(record: dict) -> float:
    """Returns the epochs of a run; infinity where its record has neither epochs nor seconds."""
    seconds = record.get("history", {}).get("seconds")
    return record.get("epochs", float("inf") if seconds is None else len(seconds))
