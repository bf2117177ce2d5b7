"""Parts of examples/load.py: a small client of the HTTP API, and the files that it can read."""
