"""Rows to bytes and bytes to answers, pure: no sockets, no clocks, no files."""
