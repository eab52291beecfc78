"""The rules of ONNX's own operators, a module a family."""
