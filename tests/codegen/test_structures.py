"""Structures of layers: in the order of the header, one brace for each level."""

from __future__ import annotations

import re

from sensorai.codegen.structures import initialiser, patches


def test_order_and_levels() -> None:
    fields = {"coupled": 1, "of[0]": "{f, 0, 0}", "of[2]": "{g, 0, 0}", "s.batch": 2, "s.steps": 3, "clip": 4}
    assert initialiser("sa_nd_recurrent_t", fields).split("\n") == [
        "    .s = {",
        "        .steps = 3,",
        "        .batch = 2,",
        "    },",
        "    .of = {{f, 0, 0}, {0}, {g, 0, 0}},",
        "    .clip = 4,",
        "    .coupled = 1,",
        "",
    ]
    assert initialiser("sa_nd_gate_t", {"b": 1, "of": "f"}) == "    .of = f,\n    .b = 1,\n"


def test_numbers_that_are_left_out_are_zero() -> None:
    assert initialiser("other_t", {"b": 1, "a[0]": 2, "a[2]": 3}) == "    .b = 1,\n    .a = {2, 0, 3},\n"


def test_values_of_the_running_program_are_parted_from_the_form() -> None:
    fields = {
        "in": "{1, 2, 3}",
        "zero": "t->a",
        "exit": "{.multiplier = t->m, .each = 1, .zero = t->z}",
        "kept": "{t->p, 7}",
        "of[2]": "{f, t->g}",
    }
    kept, found = patches("sa_nd_recurrent_q_t", fields, re.compile("t->"))
    assert kept == {"in": "{1, 2, 3}", "exit": "{.each = 1}", "kept": "{0, 7}", "of[2]": "{f, 0}"}
    assert found == [
        ("zero", "t->a", "int32_t"),
        ("exit.multiplier", "t->m", ""),
        ("exit.zero", "t->z", ""),
        ("kept.multiplier", "t->p", "int32_t"),
        ("of[2][1]", "t->g", ""),
    ]
