"""How requests are read, guarded and answered, whatever they ask for."""
