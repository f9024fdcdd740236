"""Whether all that the tags of a registry need is stored as it was pushed: what is missing, and what has changed."""
