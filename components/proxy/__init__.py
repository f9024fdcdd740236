"""nginx in front of the registry, with its configuration beside it."""
