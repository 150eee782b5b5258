"""The program `rme`, as `python -m rme_command`."""

from rme_command.program import main

main()
