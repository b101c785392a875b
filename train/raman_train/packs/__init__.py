"""Library packs: built from the raw data, and measured."""
