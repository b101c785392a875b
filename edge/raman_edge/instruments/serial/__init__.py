"""A spectrometer on a serial line: opened, identified, measured with, lost and reconnected."""

from raman_edge.instruments.serial.spectrometer import SerialSpectrometer, ask

__all__ = ["SerialSpectrometer", "ask"]
