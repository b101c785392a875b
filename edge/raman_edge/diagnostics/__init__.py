"""What is wrong with an installation, and what it costs: checks, benchmarks and the verification of a model file."""
