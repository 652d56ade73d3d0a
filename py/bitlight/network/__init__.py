"""A binary network: its layers, what they compute, and its file."""
