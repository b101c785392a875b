"""Wavenumber calibration: the lines of a standard correct the axis of an instrument.

``standards`` has the lines, ``observe`` finds them in a spectrum, ``match`` assigns them,
``fit`` fits a polynomial in wavelength, ``calibration`` is the result, ``store`` keeps it.
Wavelengths are those in vacuum. By a Raman standard alone, an error of the laser's wavelength and
one of the axis are the same thing: the fit corrects both, and the laser stays as given.
"""
