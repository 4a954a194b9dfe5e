"""Messages to fuzz with."""

from __future__ import annotations

from hypothesis import strategies as st

from sensorai.board import messages as m

u8 = st.integers(0, 255)
u16 = st.integers(0, 0xFFFF)
u32 = st.integers(0, 0xFFFFFFFF)
part_index = st.integers(1, 255).flatmap(lambda total: st.tuples(st.integers(0, total - 1), st.just(total)))
ascii_text = st.text(st.characters(max_codepoint=127), max_size=248)


@st.composite
def data(draw: st.DrawFn) -> m.Data:
    channels = draw(st.integers(1, 121))
    count = draw(st.integers(1, 121 // channels))
    size = 2 * channels * count
    return m.Data(draw(u16), draw(u32), channels, draw(st.binary(min_size=size, max_size=size)))


description_parts = st.builds(
    lambda id_, place, text: m.DescriptionPart(id_, place[0], place[1], text), u8, part_index, ascii_text
)
replies = st.builds(m.Reply, u8, u8, st.binary(max_size=249))
results = st.builds(m.Result, u16, u32, u8, u8, st.binary(min_size=1, max_size=16))
operations = st.builds(m.Operations, u8, st.binary(max_size=250))
entries = st.lists(st.tuples(u8, u8, u8), max_size=4).map(tuple)
watches = st.builds(m.Watch, u8, u16, u8, entries)
requests = st.one_of(
    st.builds(m.Describe, u8), st.builds(m.Start, u8), st.builds(m.Stop, u8), operations, watches
)
messages = st.one_of(data(), description_parts, replies, results, requests)
