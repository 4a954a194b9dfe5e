"""sensorai: from motion-sensor logs to something that runs on the chip, proved on the desk.

The rooms, top to bottom (each may only import what stands below it):
``cli`` -> ``train``, ``report`` -> ``importers``, ``verify`` -> ``mlc``, ``ispu``, ``mcu`` ->
``targets`` -> ``model`` -> ``formats`` -> ``recording`` -> ``errors``.
"""

__version__ = "0.1.0"
