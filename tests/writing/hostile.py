"""Texts that mean something in some language a label can meet."""

from __future__ import annotations

from hypothesis import strategies as st

#: Each of them broke something somewhere, or would have.
TEXTS = (
    *("walk */ extern int x; /*", "*/", "/*", "//", "??/", "a ??/\nint x;", "*??/\n/ int x; /*", "back\\"),
    *("a\\\nb", 'quote"; int x; char y[] = "', '"', "'", "%s%n%*d", "#define int long"),
    *("#include </etc/passwd>", "$(shell touch pwned)", "`touch pwned`", "${PATH}", "$$"),
    *("a:\n\ttouch pwned", "x := y", "name#comment", "line\nbreak", "carriage\rreturn", "tab\tstop"),
    *("nul\x00byte", "bell\x07", "form\x0cfeed", "\x85\x1c\x1e", "<script>alert(1)</script>"),
    *("</title><b>", "<!-- ", "]]>", "&lt;&amp;", "' onload='x", '" onload="x', "\u2028\u2029"),
    *("\u202eevil\u202c", "\u200f", "\ufeff", "\x1b[31mred", "\x9b31m", "\x1b]0;title\x07", "=1+1"),
    *("=cmd|' /C calc'!A0", "+1+1", "-1+1", "@SUM(A1)", "'=1", "-1", "+", "-,-,-", "\t=1", "\uff1d1"),
    *("', 4='evil", "x',4='evil", "x\uff07,4=\uff07evil", "Ac 10 FF", "WAIT 1\nAc 10 FF"),
    *("-- <MLC0_SRC>DT1", "F1_MEAN <= 0.5 : x", "|   F1", "a (3/1)", "a, b", "; }", "@data", "?", "{a,b}"),
    *("% comment", "\\'", "# heading", "- item", "1. item", "===", "![x](y)", "[x](javascript:x)", "a | b"),
    *("http://x.y", "**b**", "~~~", "{{ 7 * 7 }}", "{% raw %}", "[bold]x[/bold]", "[link=x]y", ":warning:"),
    *("../../etc", "CON", "~", "\\x41", "none", "channels", "window", "classes", "wins", "arena_bytes"),
    *("h", "main", "int", "NULL", "_t", "0", "", "l\xe4uft", "\u8d70\u8def", "\U0001f3c3", "\uff0f*"),
    *("\udcff\ud800", "x" * 10_000, "\N{RUNNER}" * 3_000, "*/" * 3_000, " ", "  padded  ", "a\xa0b"),
    *("\u0301"),
)  # fmt: skip

#: Any text, and pieces of the above put together.
texts = st.one_of(
    st.sampled_from(TEXTS),
    st.lists(st.sampled_from(TEXTS[:-8]), min_size=2, max_size=3).map("".join),
    st.text(st.characters(), max_size=30),
    st.text("*/?\\\n\"'#$(){}<>|,;:=%&@-+ \r\t\x1b\x00", max_size=12),
)
