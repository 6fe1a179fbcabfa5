"""Planted defects: the reference service with one part made faulty, and the check that must say so."""
