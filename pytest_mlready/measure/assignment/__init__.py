"""Assignment functions, recomputed: who is in which variant of a declared experiment."""
