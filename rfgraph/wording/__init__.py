"""How names and numbers are said to people, in every format."""
