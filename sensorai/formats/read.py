"""Reading one log: the one sniffer, and from each kind of reader to recordings."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from sensorai.errors import ConfigError, DataError, UserError
from sensorai.formats import assemble
from sensorai.formats.align import align
from sensorai.formats.arrays import choose
from sensorai.formats.columns import check_options, shows_motion
from sensorai.formats.console import without_escapes
from sensorai.formats.layout import (
    FileReader,
    Layout,
    Reader,
    TextReader,
    find_header,
    guess_separator,
    is_number,
    split_header,
)
from sensorai.formats.mapped import headings, read_mapped
from sensorai.formats.options import ReadOptions
from sensorai.formats.readers import FILES, TABLES, TEXTS
from sensorai.formats.source import Raw, Source, from_bytes
from sensorai.formats.table import Body, Column, Kind, parse
from sensorai.recording import Recording


def detect(path: str | os.PathLike[str]) -> str:
    """Name of the reader that takes this log.

    Raises
    ------
    DataError
        When the file cannot be a log at all.
    """
    raw = Raw(Path(path))
    file = file_reader(raw)
    if file is not None:
        return file.NAME
    text = _text_reader(raw.source, None)
    return text.NAME if text is not None else _table_reader(raw.source).NAME


def file_reader(raw: Raw) -> FileReader | None:
    """Return the reader of a log that is no text table, or None."""
    return next((reader for reader in FILES if reader.sniff(raw)), None)


def _text_reader(source: Source, header: str | None) -> TextReader | None:
    reader = next((reader for reader in TEXTS if reader.sniff(source)), None)
    if reader is None or header is None:
        return reader
    # a header with a name for every number of the first line makes a table of anything
    head = find_header(source)
    line = source.head[head.index] if head else ""
    wide = len(split_header(line, guess_separator(line)))
    return None if wide == len(split_header(header, guess_separator(header))) else reader


def _table_reader(source: Source) -> Reader:
    return next(reader for reader in TABLES if reader.sniff(source))


def stem(path: Path) -> str:
    """File name without ``.gz`` and suffix; the whole name of a folder."""
    if path.is_dir():
        return path.absolute().name
    name = path.name.removesuffix(".gz")
    return name.rpartition(".")[0] or name


def own_label(raw: Raw) -> str:
    """Label that the format of a log gives to all of it, outside its samples; empty when there is none."""
    path, reader = raw.path, file_reader(raw)
    if reader is not None:
        return reader.label(path)
    # an export of Edge Impulse calls its files label.id.csv
    if path.name.removesuffix(".gz").count(".") > 1 and _table_reader(raw.source).NAME == "edge-impulse-csv":
        return path.name.partition(".")[0]
    return ""


def read_log(path: str | os.PathLike[str], options: ReadOptions | None = None) -> list[Recording]:
    """Read a log of any known format.

    Parameters
    ----------
    path : path
        A file, compressed with gzip or not, or a folder of HSDatalog.
    options : ReadOptions, optional

    Returns
    -------
    list of Recording
        Uninterrupted recordings in the order of the file: a change in the group or recording column starts
        a new one, and so does a break in the time stamps. Labels come from columns only; labels by folder
        or file name are the business of ``read_dataset``.

    Raises
    ------
    DataError
        With the place (``file:line:column``) of whatever does not fit.
    ConfigError
        When the options have no meaning.
    """
    return read_raw(Raw(Path(path)), options or ReadOptions(), stem(Path(path)))


def read_raw(raw: Raw, options: ReadOptions, name: str) -> list[Recording]:
    """``read_log`` of a log that may be in memory, its recordings called after ``name``."""
    check_options(options)
    tables = _tables(raw, options)
    found = [(part, assemble.recordings(table, options, name)) for part, table in tables]
    if not options.align:
        return [recording for _, recordings in found for recording in recordings]
    return align(found, options.align_hz)


def is_stray(raw: Raw, options: ReadOptions) -> bool:
    """Whether a file that cannot be read is a sound table of something else, as an index of the logs.

    Only a header of words that shows no motion column says so: a log that is damaged, or names some of the
    columns that were asked for, is none.
    """
    mapping = options.mapping
    if raw.folder or options.header is not None:
        return False
    try:
        if mapping is not None:
            names, wanted = headings(raw.source, mapping), [c.column for c in mapping.columns.values()]
            if any(isinstance(column, int) for column in wanted):
                return False
        elif file_reader(raw) is not None or _text_reader(raw.source, None) is not None:
            return False
        else:
            layout = _table_reader(raw.source).layout(raw.source)
            _body(raw.source, layout)
            if layout.separator == " ":
                # prose, which is no table either
                return False
            names, wanted = layout.names, list(options.columns.values())
    except UserError:
        return False
    words = len(names) > 1 and not any(is_number(name) or not name.isprintable() for name in names)
    return words and not shows_motion(names, [str(column) for column in wanted])


def _tables(raw: Raw, options: ReadOptions) -> list[tuple[str, assemble.Table]]:
    """Tables of the sensors to read, each with the sensor's name (empty where the log has but one)."""
    zero = options.short_rows == "zero"
    if options.mapping is not None:
        if options.header is not None:
            raise ConfigError("a mapping and a header are given", hint="the mapping says what columns mean")
        escapes = options.mapping.strip_escapes and not raw.folder
        source = from_bytes(without_escapes(raw.data), raw.where) if escapes else raw.source
        parts = [read_mapped(source, options.mapping, zero_short_rows=zero)]
        return [("", assemble.from_arrays(parts[0], raw.where))]
    file = file_reader(raw)
    text = None if file is not None else _text_reader(raw.source, options.header)
    if file is not None:
        parts = choose(file.arrays(raw, options), options, raw.where)
    elif text is not None:
        parts = choose(text.arrays(raw.source, options), options, raw.where)
    else:
        if options.sensor:
            raise DataError(
                f"the log does not name its sensors, so {options.sensor!r} cannot be chosen", where=raw.where
            )
        layout = _layout(raw.source, options)
        return [("", _text_table(raw.source, layout, zero))]
    return [(part.part, assemble.from_arrays(part, raw.where)) for part in parts]


def _layout(source: Source, options: ReadOptions) -> Layout:
    if options.header is None:
        return _table_reader(source).layout(source)
    names = split_header(options.header, guess_separator(options.header))
    head = find_header(source)
    if head is None or not names:
        raise DataError("nothing to put the header option on", where=source.path)
    line = source.head[head.index]
    return Layout(names, guess_separator(line), 0, first_row=line, comments=head.comments, headless=True)


def _text_table(source: Source, layout: Layout, zero_short_rows: bool) -> assemble.Table:
    body = _body(source, layout)

    def columns(kinds: Sequence[Kind]) -> list[Column | None]:
        return parse(body, kinds, zero_short_rows=zero_short_rows)

    first = body.text.lstrip("\n").partition("\n")[0].split(body.separator)
    return assemble.Table(source.path, layout, first, body.line, columns)


def _body(source: Source, layout: Layout) -> Body:
    line = layout.header_line
    if line == 0:
        head = find_header(source)
        line = head.index + 1 if head else 1
    text = source.text.split("\n", line)[line] if source.text.count("\n") >= line else ""
    first = line + 1
    if layout.first_row:
        text, first = f"{layout.first_row}\n{text}", line
    if layout.live and not text.endswith("\n"):
        # written row by row and cut off: half a number is a wrong number
        text = text[: text.rfind("\n") + 1]
    separator = layout.separator
    if separator == " ":
        text = "\n".join("\t".join(row.split()) for row in text.split("\n"))
        separator = "\t"
    if not text.strip():
        raise DataError("the log has a header but no samples", where=f"{source.path}:{line}")
    return Body(source.path, text, first, separator, layout.names, layout.extra)
