"""What pages of the documentation measure and draw; each is run in the root of a checkout."""
