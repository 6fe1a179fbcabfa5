"""Healthy model services of many kinds: whatever is found in one of them is a false alarm."""
