"""Is live traffic still like the training data? A profile made in training, a window of rows, and a rule to compare."""
