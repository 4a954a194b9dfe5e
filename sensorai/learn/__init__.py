"""Learning: the only room that fits models."""
