"""Operators, one module each: shape rule, exact reference, float form, cost, test cases.

Every module has

``TYPES``
    the pairs (type of the inputs, type of the output) it computes;
``shape(node, *shapes)``
    the shape of the output;
``reference(node, ins, out, *arrays)``
    the exact result for arrays with a batch axis in front, as the generated C computes it;
``float_form(xp, attrs, params, *arrays)``
    the same in real numbers with ``xp`` being numpy or jax.numpy, for training;
``macs(node, ins, out)``
    multiply-accumulates of one inference;
``cases()``
    small graphs that together meet every branch of reference and generated code.
"""
