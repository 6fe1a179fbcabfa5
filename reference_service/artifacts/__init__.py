"""What training publishes, signed, and how it is read again."""
