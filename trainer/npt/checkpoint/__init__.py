"""Checkpoints: what they hold, saving them, and reading them back."""
