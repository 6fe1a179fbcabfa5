"""Renderers of the ledger, one a file."""
