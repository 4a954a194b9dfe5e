"""C projects as every target in C shares them: run on this machine or emulated, counted, opened again."""
