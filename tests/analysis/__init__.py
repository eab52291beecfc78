"""Tests of what Python calls: one module for each question."""
