"""Pure arithmetic: numbers in, verdicts with stated error rates out. No I/O, no pytest, no network."""
