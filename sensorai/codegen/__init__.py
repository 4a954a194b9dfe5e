"""Text of C: literals, arrays, identifiers, whole files."""
