"""Texts, tokenizers, and samples in an order that is part of the checkpoint."""
