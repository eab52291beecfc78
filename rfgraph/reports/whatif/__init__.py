"""A model with other attributes, for people and for machines."""
