"""What is measured and reproduced: the demonstration, benchmarks, the papers' experiments."""
