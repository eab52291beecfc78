"""Tests of rfgraph.relations."""
