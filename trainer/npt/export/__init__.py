"""What comes out: a checkpoint as a model that loads without this project."""
