"""The layers of a model, a row each."""
