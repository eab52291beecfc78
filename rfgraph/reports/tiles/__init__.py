"""How an input is cut into tiles, in each format."""
