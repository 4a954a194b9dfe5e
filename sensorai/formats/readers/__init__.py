"""The log formats, special ones first; a new format is one module here and one entry in ``READERS``."""

from __future__ import annotations

from sensorai.formats.layout import Reader
from sensorai.formats.readers import algobuilder, mems_studio, plain, st_ble, st_labelled, unico

READERS: tuple[Reader, ...] = (st_ble, algobuilder, st_labelled, unico, mems_studio, plain)
