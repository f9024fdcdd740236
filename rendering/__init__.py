"""Pure functions from values to the text of configuration files. Nothing here knows Pulumi."""
