"""Reads Keras models without Keras. ``reader`` walks the layers; other modules hold a rule for each kind."""
