from __future__ import annotations

from pathlib import Path

import pytest

from sensorai.mlc.regfile import read_register_file
from sensorai.regfile import to_json
from tests.conformance import regfiles

pytestmark = pytest.mark.conformance


def test_every_register_file_is_read_and_kept(shared: Path) -> None:
    table = regfiles.rows(shared)
    read = [row for row in table if not row.refused]
    assert [row.path for row in table if not row.good] == []
    assert (sum(row.syntax == "ucf" for row in read), sum(row.syntax == "json" for row in read)) == (107, 85)
    assert sum(row.same_bytes for row in read if row.syntax == "ucf") >= 85
    # the other JSON files are settings, manifests and board set-ups
    reasons = {row.refused for row in table if row.refused}
    assert reasons == {"no reg_config JSON", "this is an MLC settings file, not a register file"}


def test_json_of_the_mlc_tool_keeps_its_bytes(shared: Path) -> None:
    """All files whose application is the MLC Tool 2.x; those of the converter have another layout."""
    checked = 0
    for path in sorted((shared / "data").rglob("*.json")):
        raw = path.read_bytes()
        if b'"name": "MLC Tool"' in raw:
            assert to_json(read_register_file(path)).encode() == raw, path
            checked += 1
    assert checked == 6
