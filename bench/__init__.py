"""Measurements beside what a user would use instead; bench/README.md has the figures."""
