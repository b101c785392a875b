"""Data: reading databases, splitting them, generating synthetic spectra."""
