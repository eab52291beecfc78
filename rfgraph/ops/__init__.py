"""Operator rules, a module a family; which module has an operator's rule says `index.py`."""
