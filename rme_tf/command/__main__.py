"""The program `rme`, as `python -m rme_command`."""

from .program import main

main()
