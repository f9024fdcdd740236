"""What all tests have: the environment of a reader's shell."""

import os

# A make within a make names its folder, and workers of xdist have 80 columns.
for name in ("MAKELEVEL", "MAKEFLAGS", "MFLAGS", "COLUMNS"):
    os.environ.pop(name, None)
