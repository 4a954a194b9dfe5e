"""Serial ports: which there are, and opening one with a message that says what to do when it fails."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass

import serial
from serial.tools import list_ports

from sensorai.errors import ConfigError, UserError

#: Bits per second unless told otherwise: what boards of all makers start with.
BAUD = 115200


@dataclass(frozen=True, slots=True)
class PortInfo:
    """A port of this machine: its name, what the system calls it, USB maker and product where known."""

    name: str
    description: str
    usb: str = ""


def ports() -> list[PortInfo]:
    """Serial ports of this machine, sorted by name."""
    found = []
    for port in list_ports.comports():
        usb = f"{port.vid:04x}:{port.pid:04x}" if port.vid is not None and port.pid is not None else ""
        text = "" if port.description in (None, "n/a") else str(port.description)
        found.append(PortInfo(str(port.device), text, usb))
    return sorted(found, key=lambda port: port.name)


def open_port(name: str, baud: int = BAUD) -> serial.Serial:
    """Open a port: 8 data bits, no parity, 1 stop bit, for this program alone.

    Parameters
    ----------
    name : str
        ``/dev/ttyACM0``, ``COM3``, or a URL that pyserial knows (``socket://HOST:PORT``).
    baud : int
        Bits per second; USB ports that are no real serial line ignore it.

    Raises
    ------
    UserError
        No such port, no permission, in use, or no serial port at all.
    ConfigError
        A baud rate that the port cannot have.
    """
    if baud <= 0:
        raise ConfigError(f"the baud rate must be positive, not {baud}", where="--baud")
    try:
        port = serial.serial_for_url(name, baudrate=baud, timeout=0.1, write_timeout=2.0, do_not_open=True)
        if "://" not in name:
            port.exclusive = True if os.name == "posix" else None
        port.open()
    except ValueError as error:
        if "://" in name:
            raise UserError(f"{name} is no port that can be opened: {error}", where=name) from None
        raise ConfigError(
            f"the port cannot run at {baud} Bd", where=name, hint="choose another --baud"
        ) from None
    except (serial.SerialException, OSError) as error:
        raise _refused(name, error) from None
    return port


def _refused(name: str, error: OSError) -> UserError:
    """Why a port does not open, from what the system says."""
    number = error.errno
    text = str(error)
    if number in (errno.ENOENT, errno.ENXIO, errno.ENODEV) or "FileNotFoundError" in text:
        here = ", ".join(port.name for port in ports()) or "none"
        return UserError(
            f"there is no port {name}", where=name, hint=f"is the board plugged in? Ports here: {here}"
        )
    if number in (errno.EACCES, errno.EPERM) or "PermissionError" in text:
        return UserError(
            f"no permission to open {name}",
            where=name,
            hint="on Linux your user must be in the port's group: sudo usermod -aG dialout $USER, then "
            "log in again; on Windows another program may hold the port",
        )
    if number in (errno.EAGAIN, errno.EBUSY, errno.EWOULDBLOCK) or "exclusively lock" in text:
        return UserError(
            f"{name} is in use by another program",
            where=name,
            hint="close the terminal or tool that holds it",
        )
    if number in (errno.ENOTTY, errno.EINVAL, errno.EISDIR) or "Could not configure port" in text:
        return UserError(
            f"{name} is no serial port", where=name, hint="'sensorai capture' without a port lists them"
        )
    return UserError(f"cannot open {name}: {os.strerror(number) if number else text}", where=name)
