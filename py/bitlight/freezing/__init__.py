"""From a trained torch module to integers and bits, exactly."""
