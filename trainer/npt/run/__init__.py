"""A run's folder: its identity, who trains in it, how that ended, and what was logged."""
