"""Tasks: what is asked of the logs, how it is judged. One module each (``sensorai.road.Task``)."""
