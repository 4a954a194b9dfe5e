"""Boards over serial: frames, capture, register access, live results. The only room that opens a port."""
