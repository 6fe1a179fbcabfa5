"""From a request body to the model's answer."""
