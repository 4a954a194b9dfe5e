"""Families of models, one module each: how they are learnt (``sensorai.road.Family``).

A family knows no target, no file and no page. Which there are stands in ``sensorai.experiment.tables``.
"""
