"""The version, apart from the package's face so that every room can name it."""

__version__ = "0.1.0"
