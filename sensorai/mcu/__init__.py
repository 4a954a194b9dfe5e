"""Cortex-M projects (to come)."""
