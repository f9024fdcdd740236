"""The registry's container, with its configuration beside it."""
