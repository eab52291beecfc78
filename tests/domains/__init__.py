"""Tests of rfgraph.domains."""
