"""onnx's own node tests as the judge of what rules say: `python -m ops.backend` in tests/."""
