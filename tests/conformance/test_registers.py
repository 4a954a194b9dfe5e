"""Every published configuration: explained to the byte and written again identically."""

from pathlib import Path

import pytest

from sensorai.errors import DataError
from sensorai.mlc.decode import decode
from sensorai.mlc.regfile import read_register_file
from tests.conformance.registers import WITHOUT_MLC, configurations, print_table, rows


@pytest.mark.conformance
def test_every_configuration_is_reproduced(shared: Path) -> None:
    found = rows(shared)
    assert (sum(r.path.endswith(".ucf") for r in found), sum(r.path.endswith(".json") for r in found)) == (
        105,
        84,
    )
    assert [row for row in found if not row.good] == []
    assert sum(row.identifiers is True for row in found) == 106
    assert sum(row.outputs is True for row in found) == 169
    assert sum(row.listed is True for row in found) == 189


@pytest.mark.conformance
def test_files_without_mlc_are_refused_for_that_reason(shared: Path) -> None:
    for name in WITHOUT_MLC:
        (path,) = (shared / "data" / "mlc-reference").rglob(name)
        with pytest.raises(DataError, match="no MLC configuration"):
            decode(read_register_file(path))


@pytest.mark.conformance
def test_merged_files_name_their_state_machines(shared: Path) -> None:
    merged = {path.name: decoded for path, _, decoded in configurations(shared) if decoded.other}
    assert len(merged) == 16
    for name, decoded in merged.items():
        assert decoded.other[0].startswith("FSM: "), name
        assert decoded.layout.before, name


@pytest.mark.conformance
def test_table_prints(shared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert print_table(shared)
    assert "189/189" in capsys.readouterr().out
