"""The package's version, written down once: setup.py reads this file."""

__version__ = "0.1.0"
