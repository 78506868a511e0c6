"""Run the command line with `python -m facenas`."""

from facenas.cli import main

main()
