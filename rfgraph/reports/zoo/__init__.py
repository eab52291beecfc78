"""Many models beside each other, in each format."""
