"""raman-edge: a Raman spectrum becomes a name, at the instrument, in milliseconds."""

__version__ = "0.1.0"
