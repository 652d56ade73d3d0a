"""Loops compiled by Numba, the tile of words that they share, and their threads."""
