# Prints the file of its payload.
set -eu
payload file
