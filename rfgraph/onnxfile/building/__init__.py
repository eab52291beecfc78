"""What the walk over the nodes needs: names, constants, shapes, bounds, the writer of the graph."""
