"""A spectrometer on a serial line: opened, asked who it is, measured with, lost and found again."""

from raman_edge.instruments.serial.spectrometer import SerialSpectrometer, ask

__all__ = ["SerialSpectrometer", "ask"]
