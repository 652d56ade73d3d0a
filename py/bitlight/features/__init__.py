"""Features of images: the transformer, and the file that they are kept in."""
