"""What is emitted today is what was emitted when the hashes were written."""

from __future__ import annotations

import json

from tests.codegen.goldens import FILE, goldens


def test_emitted_c_is_that_of_the_goldens() -> None:
    want, got = json.loads(FILE.read_text(encoding="utf-8")), goldens()
    changed = sorted(name for name in want.keys() | got.keys() if want.get(name) != got.get(name))
    assert changed == [], "python -m tests.codegen.goldens writes them anew, if this is meant"
