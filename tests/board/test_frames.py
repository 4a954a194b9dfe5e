"""Frames: both ways, and whatever noise does to them."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensorai.board import messages as m
from sensorai.board.description import Channel, Description, Parts, read_description, split_parts
from sensorai.board.frames import MAX_BODY, Decoder, cobs_decode, cobs_encode, crc16, encode
from sensorai.board.operations import Outcome, read_outcome
from sensorai.errors import DataError
from tests.board import strategies as some


def framed(message: m.Message) -> bytes:
    return encode(message.kind, message.body())


def test_crc_is_ccitt_false() -> None:
    assert crc16(b"123456789") == 0x29B1


@pytest.mark.parametrize(
    ("data", "coded"),
    [
        (b"", b"\x01"),
        (b"\0", b"\x01\x01"),
        (b"\x11\x22\0\x33", b"\x03\x11\x22\x02\x33"),
        (b"\x11\0\0\0", b"\x02\x11\x01\x01\x01"),
        (b"\x01" * 254, b"\xff" + b"\x01" * 254),
    ],
)
def test_cobs_by_hand(data: bytes, coded: bytes) -> None:
    assert cobs_encode(data) == coded
    assert cobs_decode(coded) == data


def test_longest_body() -> None:
    with pytest.raises(ValueError, match="254"):
        encode(0x7F, bytes(MAX_BODY + 1))
    for filling in (b"\0", b"\x55"):
        frame = encode(0x7F, filling * MAX_BODY)
        assert len(frame) == 2 + 1 + 254
        assert Decoder().feed(frame) == [m.Unknown(0x7F, filling * MAX_BODY)]


@given(st.binary(max_size=254))
def test_cobs_both_ways(data: bytes) -> None:
    coded = cobs_encode(data)
    assert 0 not in coded
    assert len(coded) == len(data) + 1
    assert cobs_decode(coded) == data


@given(st.binary(min_size=1, max_size=255))
def test_cobs_has_one_spelling(coded: bytes) -> None:
    data = cobs_decode(coded)
    assert data is None or cobs_encode(data) == coded


@given(st.lists(some.messages, max_size=8), st.lists(st.integers(1, 300), min_size=1))
def test_messages_in_any_pieces(messages: list[m.Message], cuts: list[int]) -> None:
    stream = b"".join(framed(message) for message in messages)
    decoder, got, at, turn = Decoder(), [], 0, 0
    while at < len(stream):
        step = cuts[turn % len(cuts)]
        got += decoder.feed(stream[at : at + step])
        at, turn = at + step, turn + 1
    assert got == messages
    assert (decoder.counts.damaged, decoder.counts.skipped) == (0, 0)
    assert decoder.counts.received == len(stream)


@given(st.lists(st.one_of(st.binary(max_size=600), some.messages.map(framed)), max_size=10))
def test_noise_never_raises_and_memory_is_bounded(pieces: list[bytes]) -> None:
    decoder = Decoder()
    for piece in pieces:
        decoder.feed(piece)
        assert len(decoder._piece) <= 255
    before = decoder.counts.frames
    message = m.Reply(7, 0, b"still here")
    assert decoder.feed(b"\0" + framed(message)) == [message]
    assert decoder.counts.frames == before + 1


@given(some.messages, st.data())
def test_a_changed_byte_is_seen(message: m.Message, data: st.DataObject) -> None:
    frame = bytearray(framed(message))
    at = data.draw(st.integers(1, len(frame) - 2))
    frame[at] ^= data.draw(st.integers(1, 255))
    decoder = Decoder()
    assert decoder.feed(bytes(frame)) == []
    assert decoder.counts.damaged >= 1
    assert decoder.feed(framed(message)) == [message]


@given(some.messages, st.data())
def test_a_dropped_byte_is_seen(message: m.Message, data: st.DataObject) -> None:
    frame = framed(message)
    at = data.draw(st.integers(1, len(frame) - 2))
    decoder = Decoder()
    decoder.feed(frame[:at] + frame[at + 1 :])
    assert (decoder.counts.frames, decoder.counts.damaged) == (0, 1)
    assert decoder.feed(framed(message)) == [message]


def test_noise_between_frames_costs_no_frame() -> None:
    messages = [m.Reply(1, 0), m.Reply(2, 0)]
    decoder = Decoder()
    assert decoder.feed(framed(messages[0]) + b"noise" + framed(messages[1])) == messages
    assert decoder.counts.damaged == 1


def test_listening_may_begin_within_a_frame() -> None:
    first, second = framed(m.Reply(1, 0, bytes(range(1, 40)))), m.Reply(2, 0)
    decoder = Decoder()
    assert decoder.feed(first[10:] + framed(second)) == [second]
    assert (decoder.counts.skipped, decoder.counts.damaged) == (len(first) - 11, 0)


def test_an_endless_frame_is_one_damage() -> None:
    decoder = Decoder()
    for _ in range(100):
        assert decoder.feed(b"\0" * (_ == 0) + b"x" * 1000) == []
        assert len(decoder._piece) <= 255
    decoder.feed(b"\0")
    assert decoder.counts.damaged == 1


def test_gaps_and_restarts_are_counted() -> None:
    decoder = Decoder()
    for sequence in (65534, 65535, 0, 3, 0):
        decoder.feed(framed(m.Data(sequence, 0, 1, b"\0\0")))
        decoder.feed(framed(m.Result(100, 0, 0, 0, b"\0")))  # its own numbers: every one a restart
        decoder.expect_restart() if sequence == 65535 else None
    assert decoder.counts.lost == 2
    assert decoder.counts.restarts == 1 + 3
    (data,) = Decoder().feed(framed(m.Data(9, 0, 1, b"\0\0")))
    assert isinstance(data, m.Data)
    assert data.lost == 0


def test_the_gap_is_told_with_the_message() -> None:
    decoder = Decoder()
    decoder.feed(framed(m.Data(9, 0, 1, b"\0\0")))
    (data,) = decoder.feed(framed(m.Data(12, 0, 1, b"\0\0")))
    assert isinstance(data, m.Data)
    assert data.lost == 2


def test_samples_are_counts() -> None:
    values = np.array([[1, -2, 3], [-32768, 32767, 0]], "<i2")
    assert np.array_equal(m.Data(0, 0, 3, values.tobytes()).samples, values)


@pytest.mark.parametrize("kind", [0x01, 0x02, 0x03, 0x04, 0x81, 0x82, 0x83, 0x84, 0x85])
def test_a_body_that_contradicts_its_type_is_damage(kind: int) -> None:
    decoder = Decoder()
    assert decoder.feed(encode(kind, b"")) == []
    assert decoder.counts.damaged == 1


@given(st.integers(0, 255), st.text(st.characters(max_codepoint=127), max_size=2000), st.randoms())
def test_description_in_parts(request: int, text: str, random) -> None:  # type: ignore[no-untyped-def]
    parts = split_parts(request, text)
    random.shuffle(parts)
    assembled, whole = Parts(), None
    for part in parts:
        assert whole is None
        (came,) = Decoder().feed(framed(part))
        assert isinstance(came, m.DescriptionPart)
        whole = assembled.add(came)
    assert whole == text


def test_description() -> None:
    channels = (Channel("acc_x", "g", 6.1e-05), Channel("gyr_x", "dps", 0.0175))
    text = Description(1, "NUCLEO", "LSM6DSOX", 104.0, channels, {"note": "a=b"})
    assert read_description(text.text()) == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no protocol version"),
        ("protocol=2\n", "speaks protocol 2"),
        ("protocol=1\nhello\n", "without key=value"),
        ("protocol=1\nrate_hz=fast\n", "rate_hz"),
        ("protocol=1\nchannels=acc_x\n", "acc_x"),
        ("protocol=1\nchannels=acc_x[g]*1e\n", "acc_x"),
    ],
)
def test_description_that_makes_no_sense(text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_description(text)


@given(st.text())
def test_any_text_as_description(text: str) -> None:
    with contextlib.suppress(DataError):
        read_description("protocol=1\n" + text)


@given(some.replies)
def test_outcome(reply: m.Reply) -> None:
    outcome = read_outcome(reply)
    assert outcome is None or outcome.status == reply.status


def test_outcome_of_a_mismatch() -> None:
    assert read_outcome(m.Reply(1, 1, bytes((4, 0x10, 2, 0xAA, 0xAB)))) == Outcome(
        1, 4, b"", 0x10, 2, 0xAA, 0xAB
    )
