"""Recipes: the configuration of a run on images or on sentences."""

__all__: list[str] = []
