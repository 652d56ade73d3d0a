"""Boards from the host's side: the driver, and boards that are simulated."""
