"""Operators on tensors of any number of axes, as nets made elsewhere have them, one module each.

Shapes are whole: an axis that counts samples is one like the others. Images and signals have their channels
last; readers of other layouts transpose.
"""
