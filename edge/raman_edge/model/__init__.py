"""A trained network that runs: its card, the onnxruntime session, the check of the file before it is loaded, its signature."""
