"""Nets as graphs: tensors, the contract of operators, checks, the exact interpreter. Knows no operator."""
