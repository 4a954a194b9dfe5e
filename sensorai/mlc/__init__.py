"""The machine learning core of ST's sensors: arithmetic, features, register files, simulator."""
