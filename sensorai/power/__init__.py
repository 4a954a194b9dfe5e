"""What a result draws: published currents with their sources and marks, and intervals made from them."""
