"""Every test here builds something: the compilers must be there."""

from __future__ import annotations

import pytest

from tests.need import need


@pytest.fixture
def arm() -> None:
    need("arm-none-eabi-gcc", "unicorn")


@pytest.fixture
def qemu() -> None:
    need("gcc", "arm-none-eabi-gcc", "unicorn", "qemu-system-arm")


@pytest.fixture
def gcc() -> None:
    need("gcc")
