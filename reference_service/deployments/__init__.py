"""What is in force, who changed it, and whether it does well."""
