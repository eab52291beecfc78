"""ONNX files: reading them without their weights, folding their constants, building the graph."""
