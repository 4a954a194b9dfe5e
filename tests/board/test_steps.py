"""What a register file becomes on the wire: run by the firmware on this machine, against a virtual sensor."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

import pytest

from sensorai.board import messages as m
from sensorai.board import operations as on_board
from sensorai.board.firmware import sources
from sensorai.board.frames import MAX_BODY, Decoder, encode
from sensorai.board.load import batches
from sensorai.board.makeplan import make_plan, sharing
from sensorai.board.operations import Operation, Outcome, read_outcome
from sensorai.board.steps import Plan
from sensorai.errors import ConfigError, SensoraiError
from sensorai.ispu.conf import parse_conf
from sensorai.ispu.devices import device as ispu_device
from sensorai.ispu.devices import devices as ispu_devices
from sensorai.ispu.loader import load
from sensorai.mlc.bus import replay
from sensorai.mlc.devices import MlcDevice
from sensorai.mlc.devices import device as mlc_device
from sensorai.mlc.devices import devices as mlc_devices
from sensorai.mlc.encode import encode as encode_mlc
from sensorai.mlc.regfile import read_register_file
from sensorai.regfile import Delay, RegisterFile, Write
from sensorai.toolchain.host import HostProgram, build_program
from tests.board.virtual import Sensor
from tests.ispu.make import program
from tests.mlc.configs import random_config
from tests.need import need

HERE = Path(__file__).parent


def board_of(device: MlcDevice) -> HostProgram:
    """The firmware and a virtual sensor of this kind, for this machine, with sanitizers.

    Name and identity stay out of it, so that one is built for each kind.
    """
    need("gcc")
    facts = device.registers
    sensor = Sensor(
        bank=facts.bank,
        result=facts.result_first,
        result_bytes=facts.result_count,
    )
    own = ("host_main.h", "host_main.c", "virtual_sensor.c")
    files = sources() | {name: (HERE / name).read_text() for name in own}
    return build_program(files | {"virtual_lists.h": sensor.header()}, ("-std=c99",), sanitize=True)


def run(board: HostProgram, lists: Sequence[bytes]) -> list[Outcome]:
    """Operations lists one after the other; clocks run fast enough for the waits in them."""
    script = b""
    for number, coded in enumerate(lists):
        frame = encode(m.Operations.kind, m.Operations(number % 250, coded).body())
        script += b"r" + struct.pack("<H", len(frame)) + frame + b"p" + struct.pack("<H", 400)
    replies = [one for one in Decoder().feed(board.run(script)) if isinstance(one, m.Reply)]
    outcomes = [outcome for one in replies if (outcome := read_outcome(one)) is not None]
    assert len(outcomes) == len(lists)
    return outcomes


def lists_of(plan: Plan) -> list[bytes]:
    return [b"".join(step.operation.coded() for step in batch) for batch in batches(plan.steps)]


def readers(bank: int, cells: Mapping[int, int], tree: bool) -> Iterator[bytes]:
    """Operations that read page or tree memory, 20 bytes at a time."""
    left = iter(sorted(cells))
    while some := list(islice(left, 15)):
        steps: list[Operation] = [on_board.Write(bank, 0x80), on_board.Write(0x17, 0x20)]
        for address in some:
            steps += [on_board.Write(0x02, address >> 8 << 4 | (9 if tree else 1))]
            steps += [on_board.Write(0x08, address & 0xFF), on_board.Read(0x09, 1)]
        steps += [on_board.Write(0x17, 0), on_board.Write(bank, 0)]
        yield b"".join(one.coded() for one in steps)


def check_loads(rf: RegisterFile, device: MlcDevice) -> Plan:
    """Load a file, then read all memory: what the register writes leave behind by the decoder's rules."""
    plan = make_plan(rf, device.name)
    board = board_of(device)
    bus = replay(rf.ops, device.registers.bank)
    pages = {address: cell.value for address, cell in bus.pages.items()}
    tree = {address: cell.value for address, cell in bus.tree.items()}
    loading = lists_of(plan)
    reading = [*readers(plan.bank, pages, False), *readers(plan.bank, tree, True)]
    outcomes = run(board, [*loading, *reading])
    assert [one.status for one in outcomes] == [0] * len(outcomes)
    read = b"".join(one.read for one in outcomes[len(loading) :])
    assert read == bytes(pages[k] for k in sorted(pages)) + bytes(tree[k] for k in sorted(tree))
    return plan


@pytest.mark.parametrize("name", ["LSM6DSOX", "ISM330DHCX", "LSM6DSV16X", "LSM6DSV80X", "LIS2DUX12"])
def test_any_configuration(name: str) -> None:
    device, rng = mlc_device(name), random.Random(name)
    for style in ("current", "byte" if device.generation in ("A", "A2") else "block"):
        rf = encode_mlc(random_config(rng, device), style=style)
        plan = check_loads(rf, device)
        assert plan.who_am_i == device.groups["identity"].integer("who_am_i")
        assert device.name in sharing(plan.who_am_i)
        pages = replay(rf.ops, plan.bank).pages
        assert plan.compared > len(pages)
        assert [text.startswith("tree memory") for text in plan.unread] == [True] * (
            device.generation == "A2"
        )


@pytest.mark.conformance
def test_every_published_configuration(shared: Path) -> None:
    """Of every device the first files of each syntax."""
    loaded = 0
    seen: dict[tuple[str, str], int] = {}
    for path in sorted((shared / "data" / "mlc-reference").rglob("*")):
        if path.suffix not in (".ucf", ".json", ".h"):
            continue
        try:
            rf = read_register_file(path)
            device = mlc_device(rf.device)
        except SensoraiError:
            continue
        key = (device.name, path.suffix)
        seen[key] = seen.get(key, 0) + 1
        if seen[key] > 2:
            continue
        check_loads(rf, device)
        loaded += 1
    devices = {name for name, _ in seen}
    print(f"{loaded} published register files for {len(devices)} devices loaded, memory equal")
    assert loaded > 30


def test_devices_that_share_an_identity() -> None:
    assert sharing(0x6C) == ("LSM6DSO32X", "LSM6DSOX")
    assert sharing(0x22) == ("ISM330IS", "LSM6DSO16IS")
    assert sharing(0x42) == ()
    everyone = {name for number in range(256) for name in sharing(number)}
    assert everyone == {one.name for one in mlc_devices()} | {one.name for one in ispu_devices()}


# ---------------------------------------------------------------- the plan itself


def written(plan: Plan) -> list[tuple[int, int]]:
    """Everything the plan writes, in order."""
    out: list[tuple[int, int]] = []
    for step in plan.steps:
        one = step.operation
        if isinstance(one, on_board.Write):
            out.append((one.address, one.value))
        elif isinstance(one, on_board.WritePort):
            out += [(one.address, value) for value in one.values]
    return out


def test_without_reading_back_the_plan_is_the_file() -> None:
    device = mlc_device("LSM6DSV16X")
    rf = encode_mlc(random_config(random.Random(1), device))
    plan = make_plan(rf, read_back=False)
    assert written(plan) == [(op.register, op.value) for op in rf.ops if isinstance(op, Write)]
    assert (plan.compared, plan.unread) == (0, ())


def test_a_part_whose_program_cannot_be_read_says_so() -> None:
    device = ispu_device("IIS3DWB10IS")
    rf = load(program(device), parse_conf("acc_odr 40k\nispu_rate 40k\nalgo 0 enable", device), device)
    plan = make_plan(rf)
    assert plan.names == ("IIS3DWB10IS",)
    assert plan.unread == ("program memory: 352 bytes; how to read it is not known for this part",)
    waits = [op.ms for op in rf.ops if isinstance(op, Delay)]
    assert [s.operation.ms for s in plan.steps if isinstance(s.operation, on_board.Delay)] == waits
    assert plan.compared > 0


def test_a_file_without_a_program_for_an_ispu_part() -> None:
    rf = RegisterFile((Write(0x10, 0x20, 1), Write(0x12, 0x45, 2)), device="ISM330IS")
    plan = make_plan(rf)
    # bit 0 of 12h is a reset that clears itself: not compared
    assert plan.steps[-1].operation == on_board.Poll(0x12, 0x7E, 0x44, 0)
    assert plan.who_am_i == 0x22


def test_batches_fit_frames() -> None:
    device = ispu_device("LSM6DSO16IS")
    rf = load(program(device, 0x2400), parse_conf("acc_odr 26\nalgo 0 enable", device), device)
    plan = make_plan(rf)
    assert sum(len(batch) for batch in batches(plan.steps)) == len(plan.steps)
    for coded in lists_of(plan):
        assert 0 < len(coded) <= MAX_BODY - 1


@pytest.mark.parametrize("name", ["", "LSM6DS3", "LSM6"])
def test_devices_that_are_not_known(name: str) -> None:
    with pytest.raises(ConfigError):
        make_plan(RegisterFile((Write(0x10, 0x20),), device=name))
