"""Wavenumber calibration: the lines of a standard tell what an instrument's axis is worth.

``standards`` has the lines, ``observe`` finds them in a spectrum, ``match`` says which is which,
``fit`` makes a polynomial in wavelength of them, ``calibration`` is what comes out, ``store`` keeps it.
Wavelengths are those in vacuum. By a Raman standard alone, an error of the laser's wavelength and
one of the axis are the same thing: the fit takes up both, and the laser stays as it was given.
"""
