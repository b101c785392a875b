"""Export: from a checkpoint to the model and library of the edge."""
