"""The firmware in C: frames equal to ours byte for byte, requests answered as the protocol says."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sensorai.board import messages as m
from sensorai.board import netfirmware
from sensorai.board import operations as on_board
from sensorai.board.description import read_description
from sensorai.board.firmware import LIBRARY, MAINS, NET, sources
from sensorai.board.frames import Counts, Decoder, encode
from sensorai.board.operations import Operation, Outcome, read_outcome
from sensorai.toolchain.arm import build_elf
from sensorai.toolchain.cpu import cpu
from sensorai.toolchain.host import STRICT, HostProgram, build_program
from tests.board import strategies as some
from tests.need import need

HERE = Path(__file__).parent
FEW = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def program(*names: str) -> HostProgram:
    need("gcc")
    return build_program(sources() | {name: (HERE / name).read_text() for name in names}, sanitize=True)


# ---------------------------------------------------------------- compiling


@pytest.mark.parametrize("main", MAINS)
@pytest.mark.parametrize("core", ["cortex-m0plus", "cortex-m4", "cortex-m33"])
def test_compiles_for_arm_without_a_word(core: str, main: str) -> None:
    need("arm-none-eabi-gcc")
    keep = "harness_main" if main == "main_mps2.c" else "main"
    image = build_elf(sources(main), cpu(core), opt="-Os", keep=(keep,))
    assert image.flash < 6144
    assert image.ram < 4096
    # no heap, no stdio, no float, no 64-bit arithmetic
    assert image.helpers("soft float", "64-bit", "other") == []


@pytest.mark.parametrize("opt", ["-O0", "-O3"])
def test_compiles_here_without_a_word(opt: str) -> None:
    need("gcc")
    build_program(sources("main_nucleo.c"), (*STRICT, "-Wcast-qual", "-Wshadow"), opt=opt)


def test_every_source_is_listed() -> None:
    folder = Path(__file__).parents[2] / "sensorai" / "board" / "firmware"
    assert {path.name for path in folder.glob("*.[ch]")} == {
        *LIBRARY,
        *NET,
        *MAINS,
        *netfirmware.LIBRARY,
        *netfirmware.MAINS,
    }


# ---------------------------------------------------------------- frames


@FEW
@given(st.lists(some.messages, max_size=20))
def test_frames_equal_byte_for_byte(messages: list[m.Message]) -> None:
    spec = b"".join(b"e" + struct.pack("<BH", one.kind, len(one.body())) + one.body() for one in messages)
    assert program("host_frames.c").run(spec) == b"".join(encode(one.kind, one.body()) for one in messages)


def test_a_body_too_long_is_cut_in_c() -> None:
    spec = b"e" + struct.pack("<BH", 0x7F, 300) + b"\x55" * 300
    assert program("host_frames.c").run(spec) == encode(0x7F, b"\x55" * 251)


def mangled(draw: st.DrawFn, stream: bytes) -> bytes:
    """A stream with some bytes changed, dropped and doubled."""
    out = bytearray(stream)
    for _ in range(draw(st.integers(0, 6))):
        if not out:
            break
        at = draw(st.integers(0, len(out) - 1))
        match draw(st.sampled_from("cdx")):
            case "c":
                out[at] ^= draw(st.integers(1, 255))
            case "d":
                del out[at]
            case _:
                out.insert(at, draw(st.integers(0, 255)))
    return bytes(out)


@st.composite
def noisy(draw: st.DrawFn) -> bytes:
    pieces = st.one_of(
        some.messages.map(lambda one: encode(one.kind, one.body())), st.binary(max_size=20),
        st.builds(lambda byte, count: bytes([byte]) * count, some.u8, st.integers(250, 260)),
    )  # fmt: skip
    return mangled(draw, b"".join(draw(st.lists(pieces, max_size=8))))


@FEW
@given(st.lists(noisy(), min_size=1, max_size=8))
def test_both_receivers_see_the_same(streams: list[bytes]) -> None:
    out = program("host_frames.c").run(b"".join(b"d" + struct.pack("<I", len(s)) + s for s in streams))
    for stream in streams:
        expected, damaged = frames_in(stream)
        for payload in expected:
            assert out[: 2 + len(payload)] == struct.pack("<H", len(payload)) + payload
            out = out[2 + len(payload) :]
        assert out[:6] == struct.pack("<HI", 0xFFFF, damaged)
        out = out[6:]
    assert out == b""


def frames_in(stream: bytes) -> tuple[list[bytes], int]:
    """Type and body of each whole frame, and the number of damaged ones, by our decoder.

    The C receiver does not look into bodies, so what ours rejects for its body is whole to it.
    """
    from sensorai.board.frames import cobs_decode, crc16

    decoder = Decoder()
    decoder.feed(stream)
    _, *pieces = stream.split(b"\0")
    whole = []
    for piece in pieces[:-1]:
        payload = cobs_decode(piece)
        if payload and len(payload) >= 3 and crc16(payload[:-2]) == int.from_bytes(payload[-2:], "little"):
            whole.append(payload[:-2])
    odd = decoder.counts.frames - len(whole)
    return whole, decoder.counts.damaged + odd


# ---------------------------------------------------------------- the board


class Script:
    """What the driver of the board is told, and what comes back."""

    def __init__(self, description: str = "protocol=1\nboard=host\n") -> None:
        self.bytes = b""
        self.description = description
        self.counts = Counts()

    def receive(self, data: bytes) -> Script:
        self.bytes += b"r" + struct.pack("<H", len(data)) + data
        return self

    def poll(self, times: int) -> Script:
        self.bytes += b"p" + struct.pack("<H", times)
        return self

    def takes(self, size: int) -> Script:
        self.bytes += b"s" + bytes([size])
        return self

    def ask(self, message: m.Message, polls: int = 40) -> Script:
        return self.receive(encode(message.kind, message.body())).poll(polls)

    def run(self) -> list[m.Message]:
        decoder = Decoder()
        board = program("host_main.h", "host_main.c", "host_board.c")
        messages = decoder.feed(board.run(self.bytes, arguments=[self.description]))
        self.counts = decoder.counts
        assert self.counts.damaged == 0
        return messages


def outcome_of(operations: Sequence[Operation] | bytes, polls: int = 40) -> Outcome:
    coded = operations if isinstance(operations, bytes) else b"".join(one.coded() for one in operations)
    (reply,) = Script().ask(m.Operations(7, coded), polls).run()
    assert isinstance(reply, m.Reply)
    assert reply.id == 7
    outcome = read_outcome(reply)
    assert outcome is not None
    return outcome


def test_describes_itself_in_parts() -> None:
    text = "protocol=1\nboard=host\nsensor=LSM6DSOX\n" + "".join(f"note{i}={'x' * 60}\n" for i in range(12))
    parts = Script(text).ask(m.Describe(9)).run()
    assert all(isinstance(one, m.DescriptionPart) and one.id == 9 for one in parts)
    assert len(parts) == 4
    joined = "".join(one.text for one in parts if isinstance(one, m.DescriptionPart))
    assert joined == text
    assert read_description(joined).more["note11"] == "x" * 60


def test_operations_in_order() -> None:
    done = outcome_of(
        [
            on_board.Write(0x10, 0x5A),
            on_board.WritePort(0x11, b"\1\2\3"),
            on_board.Read(0x10, 2),
            on_board.ReadPort(0xF0, 3),
            on_board.Compare(0x10, b"\x5a\3"),
            on_board.ComparePort(0xF0, b"\3\4\5"),
            on_board.Poll(0x10, 0x0F, 0x0A, 0),
        ]
    )
    assert done == Outcome(0, 7, b"\x5a\x03\x00\x01\x02")


def test_no_operations_are_none() -> None:
    assert outcome_of(b"") == Outcome(0, 0, b"")


@pytest.mark.parametrize(
    ("operations", "expected"),
    [
        ([on_board.Write(0x10, 1), on_board.Compare(0x0F, b"\0\2"), on_board.Write(0x12, 9)],
         Outcome(1, 1, b"", 0x10, 1, 2, 1)),
        ([on_board.ComparePort(0xF0, b"\0\1\7")], Outcome(1, 0, b"", 0xF0, 2, 7, 2)),
        ([on_board.Poll(0x20, 0x81, 0x80, 0)], Outcome(2, 0, b"", 0x20, 0, 0x80, 0)),
        ([on_board.Write(0x10, 1), on_board.Write(0xFE, 1)], Outcome(3, 1, b"", 0xFE)),
        ([on_board.Read(0xFC, 4)], Outcome(3, 0, b"", 0xFC)),
        ([on_board.ReadPort(0xFE, 1)], Outcome(3, 0, b"", 0xFE)),
        ([on_board.Read(0, 248), on_board.Read(0, 1)], Outcome(6, 1)),
        (b"\x01\x10\x01\x63\x01\x02", Outcome(5, 1)),
        (b"\x01\x10\x01\x01\x10", Outcome(4, 1)),
        (b"\x02\x10\x03\x01\x02", Outcome(4, 0)),
        (b"\x06\x10", Outcome(4, 0)),
    ],
)  # fmt: skip
def test_failures(operations: Sequence[Operation] | bytes, expected: Outcome) -> None:
    assert outcome_of(operations) == expected


def test_the_first_failure_ends_it() -> None:
    failing: list[Operation] = [
        on_board.Write(0x10, 1),
        on_board.Compare(0x10, b"\2"),
        on_board.Write(0x12, 9),
    ]
    coded = b"".join(one.coded() for one in failing)
    read = on_board.Read(0x10, 3).coded()
    _, reply = Script().ask(m.Operations(1, coded)).ask(m.Operations(2, read)).run()
    assert isinstance(reply, m.Reply)
    assert reply.payload == b"\1\1\0\0"


def test_waiting_does_not_block() -> None:
    # 100 us pass with each poll
    script = Script().ask(m.Operations(1, on_board.Delay(20).coded()), 195).ask(m.Describe(2), 20)
    reply, description = script.run()
    assert isinstance(reply, m.Reply)
    assert isinstance(description, m.DescriptionPart)
    assert Script().ask(m.Operations(1, on_board.Delay(20).coded()), 195).run() == []


def test_poll_until_ready_or_too_late() -> None:
    assert outcome_of([on_board.Poll(0xF1, 1, 1, 5)]) == Outcome(0, 1)
    assert outcome_of([on_board.Poll(0x20, 1, 1, 2)]) == Outcome(2, 0, b"", 0x20, 0, 1, 0)


def test_a_repeated_request_is_not_executed_again() -> None:
    again = m.Operations(5, on_board.ReadPort(0xF0, 1).coded())
    other = m.Operations(6, on_board.ReadPort(0xF0, 1).coded())
    replies = Script().ask(again).ask(again).ask(other).ask(other).ask(again).run()
    assert [one.payload for one in replies if isinstance(one, m.Reply)] == [
        b"\1\0", b"\1\0", b"\1\1", b"\1\1", b"\1\2"
    ]  # fmt: skip
    # a session begins with DESCRIBE, which forgets
    replies = Script().ask(again).ask(m.Describe(1)).ask(again).run()
    assert [one.payload for one in replies if isinstance(one, m.Reply)] == [b"\1\0", b"\1\1"]


@pytest.mark.parametrize(
    ("frame", "status"),
    [
        (encode(0x90, b"\7"), 5), (encode(0x84, b""), 4), (encode(0x81, b"\7\7"), 4),
        (encode(0x85, b"\7\0\0"), 4), (encode(0x85, b"\7\0\0\1\x80"), 4),
        (encode(0x85, b"\7\0\0\1\x80\x70\0"), 4), (encode(0x85, b"\7\0\0\1\x80\x70\x11"), 4),
        (encode(0x85, b"\7\0\0\1" + b"\x80\x70\1" * 5), 4),
    ],
)  # fmt: skip
def test_requests_that_make_no_sense(frame: bytes, status: int) -> None:
    (reply,) = Script().receive(frame).poll(5).run()
    assert isinstance(reply, m.Reply)
    assert reply.status == status


def test_what_boards_say_is_no_request() -> None:
    assert Script().receive(encode(0x03, b"\1\0") + encode(0x7F, b"x")).poll(5).run() == []


def test_data_come_whole_and_in_order() -> None:
    messages = Script().ask(m.Start(1), 500).ask(m.Stop(2), 5).run()
    replies = [one for one in messages if isinstance(one, m.Reply)]
    data = [one for one in messages if isinstance(one, m.Data)]
    assert [(one.id, one.status) for one in replies] == [(1, 0), (2, 0)]
    assert messages[-1] is replies[-1]
    assert [one.sequence for one in data] == list(range(len(data)))
    # two channels from one block, one from another: registers 28h to 2Dh, which hold their address and go up
    values = b"".join(one.values for one in data)
    assert values == bytes((0x28 + at + i) & 0xFF for i in range(250) for at in range(6))
    assert data[0].samples[0].tolist() == [0x2928, 0x2B2A, 0x2D2C]
    # 40 samples fill a frame; two polls a sample, 100 us a poll: the clock wraps within
    assert [len(one.samples) for one in data] == [40] * 6 + [10]
    assert [(b.time_us - a.time_us) % 2**32 for a, b in itertools.pairwise(data)] == [8000] * 6
    assert min(one.time_us for one in data) < max(one.time_us for one in data)


def test_results_by_time() -> None:
    watch = m.Watch(3, 5, 0x01, ((0x80, 0x70, 2), (0, 0x33, 1)))
    messages = Script().ask(m.Operations(1, on_board.Write(0x71, 0x44).coded())).ask(watch, 501).run()
    results = [one for one in messages if isinstance(one, m.Result)]
    assert [(one.page, one.address, one.values) for one in results[:2]] == [
        (0x80, 0x70, b"\0\x44"),
        (0, 0x33, b"\0"),
    ]
    assert [one.sequence for one in results] == list(range(22))
    times = [one.time_us for one in results[::2]]
    assert [(b - a) % 2**32 for a, b in itertools.pairwise(times)] == [5000] * 10


def test_results_with_samples_when_they_change() -> None:
    watch = m.Watch(3, 0, 0x01, ((0x80, 0x70, 1),))
    script = Script().ask(m.Start(1), 10).ask(watch, 30)
    script.ask(m.Operations(4, on_board.Write(0x70, 5).coded()), 30).ask(m.Watch(5, 0, 1, ()), 10)
    script.ask(m.Operations(6, on_board.Write(0x70, 6).coded()), 30)
    messages = script.run()
    results = [one for one in messages if isinstance(one, m.Result)]
    assert [(one.sequence, one.values) for one in results] == [(0, b"\0"), (1, b"\5")]


def test_a_slow_line_drops_whole_frames_and_shows_the_gap() -> None:
    script = Script().ask(m.Start(1), 10).takes(0).poll(3000).takes(255).poll(100).ask(m.Stop(2), 10)
    messages = script.run()
    data = [one for one in messages if isinstance(one, m.Data)]
    assert script.counts.lost > 0
    assert len(data) + script.counts.lost == data[-1].sequence + 1
    assert isinstance(messages[-1], m.Reply)


def test_an_answer_goes_before_data_on_a_slow_line() -> None:
    script = Script().ask(m.Start(1), 10).takes(0).poll(3000)
    script.receive(encode(0x81, b"\2")).poll(1).takes(1).poll(3000)
    assert any(isinstance(one, m.DescriptionPart) for one in script.run())


def test_a_bus_that_fails_ends_the_stream_and_says_so() -> None:
    # the watched register fails, reading ends, data too
    messages = Script().ask(m.Start(1), 10).ask(m.Watch(2, 10, 1, ((0x80, 0xFE, 1),)), 50).run()
    last = messages[-1]
    assert isinstance(last, m.Reply)
    assert (last.id, last.status) == (2, m.Status.BUS)


requests = st.one_of(
    some.requests,
    st.lists(
        st.one_of(
            st.builds(on_board.Write, some.u8, some.u8),
            st.builds(on_board.WritePort, some.u8, st.binary(max_size=20)),
            st.builds(on_board.Delay, st.integers(0, 3)),
            st.builds(on_board.Poll, some.u8, some.u8, some.u8, st.integers(0, 3)),
            st.builds(on_board.Read, some.u8, st.integers(0, 100)),
            st.builds(on_board.ComparePort, some.u8, st.binary(max_size=20)),
        ),
        max_size=10,
    ).map(lambda ops: m.Operations(1, b"".join(one.coded() for one in ops)[:250])),
)


@st.composite
def sessions(draw: st.DrawFn) -> Script:
    script = Script()
    for request in draw(st.lists(requests, max_size=8)):
        frame = encode(request.kind, request.body())
        script.receive(mangled(draw, frame) if draw(st.booleans()) else frame)
        script.poll(draw(st.integers(0, 200)))
        if draw(st.booleans()):
            script.takes(draw(st.integers(0, 255)))
    return script


@FEW
@given(sessions())
def test_whatever_comes_the_board_says_only_whole_frames(script: Script) -> None:
    script.takes(255).poll(500).receive(b"\0" + encode(0x81, b"\x2a")).poll(1200)
    messages = script.run()
    assert any(isinstance(one, m.DescriptionPart) and one.id == 0x2A for one in messages)
