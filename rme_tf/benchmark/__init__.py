"""Benchmarks, printed by `python -m rme_tf.benchmark.NAME`.

NAME is `images`, `inference`, `text`, `execution`, `steps`, `growth`, `bound`, `bound_growth` or `folder`; `gpu` checks
that typical uses run on a GPU.
"""

__all__: list[str] = []
