"""Tests of reading, folding and building."""
