"""Training: from a database of Raman spectra to a measured model."""
