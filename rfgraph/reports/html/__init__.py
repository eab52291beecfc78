"""The report of a model as one interactive page."""
