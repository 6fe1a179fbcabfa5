"""The target: started or attached to, spoken to through a guarded transport, in turns, and always ended."""
