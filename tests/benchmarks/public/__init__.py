"""Public networks with random weights, exported in an environment of their own and analysed."""
