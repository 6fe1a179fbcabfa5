"""What plays a finding's replay: copied beside it, so it needs nothing but Python's standard library."""
