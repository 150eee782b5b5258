"""Studies of trained models by instruments, and of inference alone."""

__all__: list[str] = []
