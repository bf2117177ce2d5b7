"""Runs what users wrote: Starlark in worker processes that can be killed."""
