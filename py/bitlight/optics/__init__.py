"""The optical processor: random projection by scattered light, simulated."""
