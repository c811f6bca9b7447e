"""Training of Llama models whose upper layers become Neuro-Plastic (NPT) layers."""

__version__ = "0.1.0"
TRAINER = f"npt {__version__}"
SCHEMA = 1
