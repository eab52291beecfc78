"""How a network streams along an axis, in each format."""
