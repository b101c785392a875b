"""Data: reading databases, splitting them honestly, making spectra of our own."""
