"""Who gets which variant, by a function that anyone can recompute."""
