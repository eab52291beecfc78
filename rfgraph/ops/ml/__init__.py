"""The rules of the ai.onnx.ml operators."""
