"""The distribution over the paths, and actual paths."""
