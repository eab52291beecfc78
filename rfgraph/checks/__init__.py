"""The findings: one module for each code, and what runs them."""
