"""Records of the parts of `make soak`."""

import time

from rme_tf.core.provenance import commit, hardware
from soak import rows_of


def record_of(part: str, short: bool) -> dict:
    """Returns the record of a part, which is run."""
    start = time.perf_counter()
    table = rows_of(part, short=short)
    seconds = {"seconds": round(time.perf_counter() - start)}
    config = {"part": part, "short": short}
    table = [{**row, **(seconds if index == 0 else {})} for index, row in enumerate(table)]
    return {"config": config, "commit": commit(), "hardware": hardware(), "table": table}
