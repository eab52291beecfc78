"""Tests of the findings: one module for each code, and for what runs them."""
