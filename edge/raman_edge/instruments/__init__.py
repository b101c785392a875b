"""Spectrometers on a serial line: pages of facts, and the codecs that are built from them."""
