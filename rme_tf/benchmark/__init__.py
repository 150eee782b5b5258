"""What was measured side by side: `python -m rme_tf.benchmark.images`, `.inference`, `.text` or `.folder` print it."""

__all__: list[str] = []
