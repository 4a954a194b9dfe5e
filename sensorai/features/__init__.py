"""Exact integer features and filters on sensor counts: references and one catalogue."""
