"""Simulated instruments: a profile becomes a device, with a sample in front of it and faults on demand."""
