"""The data sets, and what is fitted to them."""
