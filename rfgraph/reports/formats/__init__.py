"""What several subjects are written with: tables, histograms, styles, CSV, JSON and Markdown."""
