"""The findings of a check, in every format that a pipeline takes."""
