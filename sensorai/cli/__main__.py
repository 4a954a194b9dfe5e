"""``python -m sensorai.cli`` is ``sensorai``."""

from sensorai.cli import main

main()
