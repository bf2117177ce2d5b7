"""`python -m wce …`: the command line."""

from __future__ import annotations

from wce.cli import main

if __name__ == "__main__":
    main()
