"""Operators, one module each: a frozen dataclass with all that is to be known of it.

A new operator is one module: copy ``relu.py``, say what it is, and add it to the list in ``table.py``.
"""
