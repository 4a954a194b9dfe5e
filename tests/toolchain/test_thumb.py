from __future__ import annotations

import pytest

from sensorai.toolchain.thumb import kind


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("4b01", ("load", 1)),  # ldr r3, [pc, #4]
        ("5c42", ("load", 1)),  # ldrb r2, [r0, r1]
        ("5442", ("store", 1)),  # strb r2, [r0, r1]
        ("5642", ("load", 1)),  # ldrsb
        ("6008", ("store", 1)),
        ("9801", ("load", 1)),
        ("b510", ("store many", 2)),  # push {r4, lr}
        ("bd10", ("load many", 2)),  # pop {r4, pc}
        ("c90c", ("load many", 2)),
        ("4348", ("multiply", 0)),
        ("d1fc", ("branch", 0)),
        ("b108", ("branch", 0)),  # cbz
        ("bf08", ("alu", 0)),  # it eq
        ("4770", ("branch", 0)),  # bx lr
        ("4788", ("call", 0)),  # blx r1
        ("468f", ("branch", 0)),  # mov pc, r1
        ("4601", ("alu", 0)),
        ("f000 f801", ("call", 0)),
        ("f000 8001", ("branch", 0)),  # beq.w
        ("f3bf 8f5f", ("alu", 0)),  # dmb
        ("fb02 f001", ("multiply", 0)),
        ("fb02 3001", ("multiply add", 0)),
        ("fb22 3001", ("multiply add", 0)),  # smlad
        ("fb82 0103", ("long multiply", 0)),
        ("fb90 f0f1", ("divide", 0)),
        ("fbb0 f0f1", ("divide", 0)),
        ("f850 1b04", ("load", 1)),
        ("f840 1b04", ("store", 1)),
        ("e9d0 0100", ("load many", 2)),  # ldrd
        ("e8d0 f001", ("branch", 0)),  # tbb
        ("e92d 41f0", ("store many", 6)),
        ("ee37 7a87", ("float", 0)),  # vadd
        ("eea7 7a27", ("float multiply add", 0)),  # vfma
        ("ee87 7a27", ("float divide", 0)),  # vdiv
        ("eeb1 0ac0", ("float divide", 0)),  # vsqrt
        ("eeb1 0a40", ("float", 0)),  # vneg
        ("edd0 7a00", ("load", 1)),  # vldr
        ("ecbd 8b02", ("load many", 2)),  # vpop {d8}
        ("ee07 0a90", ("float", 0)),  # vmov s15, r0
    ],
)
def test_kinds(code: str, expected: tuple[str, int]) -> None:
    words = [int(word, 16) for word in code.split()]
    assert kind(words[0], words[1] if len(words) > 1 else 0) == expected
