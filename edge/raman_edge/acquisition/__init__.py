"""An exposure at a time, as at a bench: averaged, dark-corrected, exposed well, and put on an axis."""
