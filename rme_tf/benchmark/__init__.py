"""Benchmarks, which print ratios measured side by side: `python -m rme_tf.benchmark.images`, or `.text`."""

__all__: list[str] = []
