"""Runs of recipes: single runs, side-by-side runs, studies over seeds."""

__all__: list[str] = []
