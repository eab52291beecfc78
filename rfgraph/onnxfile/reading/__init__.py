"""From the bytes of a file to its nodes, without the payload of its weights."""
