"""What Python calls: load a model, analyse it, ask for fields, histograms, paths and units."""
