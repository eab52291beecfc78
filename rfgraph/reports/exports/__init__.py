"""A model with its receptive fields in the form of other tools."""

# The names that a command line needs before anything is analysed.
METRICS = ("size", "stride", "start", "effective")
GRAPHS = ("dot", "graphml")
FORMATS = ("netron", "model-explorer", *GRAPHS, "onnx")
