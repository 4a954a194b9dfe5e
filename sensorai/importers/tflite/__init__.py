"""Reads TensorFlow Lite models. ``reader`` walks the file; other modules hold a rule for each operator."""
