"""Compilers, host builds, emulators: the only room that starts processes."""
