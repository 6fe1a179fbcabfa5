"""Pure judgements, one family a file."""
