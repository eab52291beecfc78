"""What differs between two models, in each format."""
