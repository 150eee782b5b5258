"""Foundations that every folder may use: types, registry, validation, files, compiled functions."""

__all__: list[str] = []
