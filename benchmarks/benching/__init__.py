"""The pieces of `make bench`."""
