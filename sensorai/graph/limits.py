"""How many numbers a net may hold: what keeps memory and time bounded, whatever file it is read from.

The three stand in one line because they are one question, asked of more and more: 2 ** 24 numbers are 64 MiB
as float32, more than any device here has room for by far, so that nothing that could run is refused; a factor
of four is what a reader needs on its way, where constants are made from constants that stay until dead code
goes; and a tensor that is computed may be larger by two once more, since it is never made while reading, only
when the net is run on the desk.
"""

#: Numbers of a constant that is made of others: repeating and padding could fill the memory.
CONSTANT = 1 << 24
#: Numbers of constants that rounds of loops make together.
CONSTANTS = 4 * CONSTANT
#: Numbers of a tensor that is computed.
TENSOR = 2 * CONSTANTS
