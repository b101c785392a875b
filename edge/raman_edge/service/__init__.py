"""A run: watching or measuring, with its worker process, settings, signals and the service manager."""
