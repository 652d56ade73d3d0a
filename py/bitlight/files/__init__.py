"""Files: written whole, opened with care, kept in a cache; .npy and safetensors headers."""
