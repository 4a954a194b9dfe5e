"""``python -m sensorai`` is ``sensorai``."""

from sensorai.cli import main

main()
