"""Tests of the operator rules, one module per family."""
