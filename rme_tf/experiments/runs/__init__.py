"""Runs of recipes: one run, runs side by side, studies over seeds."""

__all__: list[str] = []
