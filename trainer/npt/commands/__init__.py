"""The commands beside training: validating, inspecting and merging checkpoints."""
