"""Instruments that are not there: a page of facts becomes a device, with a scene before it and faults on demand."""
