"""ISPU: the programmable core in ST sensors (to come)."""
