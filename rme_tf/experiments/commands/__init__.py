"""Commands of `rme`, behind the command line that `rme_command` reads."""

__all__: list[str] = []
