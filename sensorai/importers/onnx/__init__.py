"""Reads ONNX models. ``reader`` walks the file; the other modules hold a rule for each operator."""
