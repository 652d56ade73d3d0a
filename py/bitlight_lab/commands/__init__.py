"""The laboratory's commands: demo, bench, reproduce."""
