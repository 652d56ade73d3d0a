"""What long work and tables say to people: bars, lines, text that is safe to print."""
