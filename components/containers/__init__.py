"""Containers on the server: how they are made, started, checked and cleared away."""
