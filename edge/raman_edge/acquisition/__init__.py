"""From exposures to spectra: average, dark, automatic exposure, corrections, axis."""
