"""Netlists of a family's cells, simulated in models of these."""
