"""Gatherers, one a file: the only code that talks to the target."""
