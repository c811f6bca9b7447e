"""What a pickle says, read without importing, calling or constructing anything that it names."""
