"""A model with its receptive fields in the form of other tools."""
