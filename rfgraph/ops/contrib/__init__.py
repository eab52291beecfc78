"""The rules of onnxruntime's contributed operators, a module a family."""
