"""The effective receptive field: text with a heat map, CSV, Markdown, pictures, map files."""
