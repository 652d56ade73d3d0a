"""Speed beside others, as ratios within one run: what `bitlight bench` does."""
