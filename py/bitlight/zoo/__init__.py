"""Networks by name: their shapes, and torch modules to train."""
