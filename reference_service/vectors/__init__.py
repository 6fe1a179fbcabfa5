"""Test vectors for other implementations of what is published."""
