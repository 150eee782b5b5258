"""Studies of trained models by instruments, which follow the runs."""

__all__: list[str] = []
