"""The lengths of the inputs: bound by the caller, determined by the file, or probed."""
