"""What came of an experiment: report, files, traces; saved in one step, or opened again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sensorai.errors import ConfigError
from sensorai.experiment import Experiment, toml
from sensorai.files import check_writable, read_json, write_folder
from sensorai.opening import Model, Validation
from sensorai.report import Report
from sensorai.report.view import of_scores, of_trace
from sensorai.road import Artifact, Learnt, Opened, Proof
from sensorai.verify.alarms import decisions

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False, repr=False)
class Result:
    """The result of one training.

    Attributes
    ----------
    experiment : Experiment
        What was asked for, with its name.
    report : Report
        Every number with its source.
    artifact : Artifact
        What was emitted.
    files : mapping of name to bytes
        All files of the result but the page and ``sensorai.toml``, whose paths depend on the folder.
    learnt : Learnt
        The model, and what its learning had to say.
    proof : Proof
        What it does on held-out recordings, and the levels that were compared.
    """

    experiment: Experiment
    report: Report
    artifact: Artifact
    files: Mapping[str, bytes]
    learnt: Learnt
    proof: Proof

    def page(self) -> str:
        """The report as one HTML page with plots of recordings that were not learnt from."""
        detector = self.learnt.detector
        if detector is None:
            columns = tuple(c.column for c in self.learnt.classifiers)
            return self.report.html([of_trace(t, columns) for t in self.learnt.judged(self.proof)])
        views = [
            of_scores(detector.scored(t), decisions(t.decided[0]), detector.chosen.value)
            for t in self.proof.traces
        ]
        return self.report.html(views)

    @property
    def model(self) -> Model:
        """The emitted files, as ``sensorai.open`` would open them once they are saved."""
        states = self.learnt.index.get("states", {})
        return Model(
            Opened(
                Path(self.artifact.name),
                self.experiment.target,
                self.artifact,
                float(self.report.figures["settings"]["rate_hz"]),
                self.learnt.classifiers,
                self.learnt.test_groups,
                self.learnt.train_groups,
                states,
                task=self.experiment.task,
            )
        )

    def simulate(self, logs: Any, **how: Any) -> pd.DataFrame:
        """Run the emitted bytes on logs; see ``sensorai.Model.simulate``.

        Parameters
        ----------
        logs : Dataset, or path or paths
        **how
            ``rate``; of paths, how they are read.

        Returns
        -------
        DataFrame
            A row for each window.

        Raises
        ------
        ConfigError, DataError, ToolMissing
        """
        return self.model.simulate(logs, **how)

    def validate(self, logs: Any, **how: Any) -> Validation:
        """Judge on labelled logs, and compare all levels bit by bit; see ``sensorai.Model.validate``.

        Parameters
        ----------
        logs : Dataset, or path or paths
        **how
            ``on``, ``rate``, ``all_groups``, ``names``, ``progress``; of paths, how they are read.

        Returns
        -------
        Validation

        Raises
        ------
        ConfigError, DataError, ToolMissing
        """
        return self.model.validate(logs, **how)

    def save(self, folder: str | Path) -> Path:
        """Write everything into a folder, whole or not at all.

        A folder may hold an earlier result, which is replaced; files of others in it stay.

        Parameters
        ----------
        folder : path
            It is made where there is none.

        Returns
        -------
        Path
            The folder; ``sensorai.open`` opens it.

        Raises
        ------
        ConfigError, UserError
            It is not empty and no result, or cannot be written.
        """
        folder = Path(folder)
        check_folder(folder)
        files = {
            **self.files,
            "report.html": self.page().encode(),
            toml.FILE: toml.to_text(self.experiment, folder).encode(),
        }
        write_folder(folder, files, stale(folder, files))
        return folder

    def replaces(self, folder: str | Path) -> str:
        """What ``save`` would replace that is no earlier version of this result: for people to be told.

        Returns
        -------
        str
            As ``the stm32 result in har``; empty without a result in ``folder``, or where it has the same
            name, target and device.
        """
        index = Path(folder) / "model.sai"
        listed = read_json(index) if index.is_file() else None
        if not isinstance(listed, dict):
            return ""
        config = listed.get("config")
        # a register file holds its device itself
        device = listed.get("device") or (config.get("device") if isinstance(config, dict) else None)
        target = listed.get("target")
        name = listed.get("name")
        if (target, device, name) == (self.experiment.target, self.artifact.device, self.artifact.name):
            return ""
        facts = ", ".join(one for one in (name, device) if isinstance(one, str))
        return f"the {target} result in {folder}" + (f" ({facts})" if facts else "")

    def __repr__(self) -> str:
        return f"<result {self.artifact.name} for {self.artifact.device} ({self.experiment.target})>"

    def _repr_html_(self) -> str:
        return self.report._repr_html_()


def check_folder(folder: Path) -> None:
    """Refuse an output folder that holds something else than an earlier result of ours."""
    if folder.is_file():
        raise ConfigError(f"{folder} is a file, not a folder", hint="choose another --out")
    check_writable(folder)
    if folder.is_dir() and any(folder.iterdir()) and not (folder / "model.sai").is_file():
        raise ConfigError(
            f"the folder {folder} is not empty and not a result of sensorai; nothing was written",
            where=str(folder),
            hint="choose another --out, or empty it",
        )


def stale(folder: Path, files: Mapping[str, Any]) -> list[str]:
    """Files of an earlier result in ``folder`` that new ones do not replace; empty without one."""
    index = folder / "model.sai"
    if not index.is_file():
        return []
    listed = read_json(index)
    names = listed.get("files", []) if isinstance(listed, dict) else []
    # only plain names: an index from elsewhere must not reach out of the folder
    return [
        n
        for n in names
        if isinstance(n, str) and n not in files and Path(n).name == n and n not in ("", "..")
    ]
