"""Reports on recorded runs: tables, figures, documents."""

__all__: list[str] = []
