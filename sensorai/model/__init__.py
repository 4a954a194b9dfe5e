"""What is saved, checked, emitted and simulated."""
