"""The relation algebra and the graph that it labels: everything about a file that domains read."""
