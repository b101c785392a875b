"""Export: from a checkpoint to the model and library that the edge runs."""
