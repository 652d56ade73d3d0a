"""The bit-sliced simulator: one machine word is one wire, for as many images as it has bits."""
