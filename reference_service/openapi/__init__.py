"""The published interface: an OpenAPI 3.1 document that states the bounds which the server enforces."""
