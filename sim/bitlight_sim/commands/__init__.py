"""Commands that simulate: simulate, cosim."""
