"""Judging results and comparing levels."""
