"""Benchmarks, which print what was measured side by side: `python -m rme_tf.benchmark.images`, `.text` or `.folder`."""

__all__: list[str] = []
