"""HTML pages of single runs, and of several side by side.

`run_report` collects arrays and numbers from a run, the verdicts turn numbers into sentences, and `page` renders them.
"""

from rme_tf.experiments.pages.run_report import RunReport, collect
from rme_tf.experiments.pages.verdict import Verdict
from rme_tf.experiments.pages.writing import write_page, write_report

__all__ = ["RunReport", "Verdict", "collect", "write_page", "write_report"]
