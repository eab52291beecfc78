"""The distribution over paths: counted by dynamic programming, listed lazily in order of size."""
