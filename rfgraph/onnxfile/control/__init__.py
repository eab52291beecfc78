"""Nodes with a body: functions, branches, loops and sequences become part of the graph."""
