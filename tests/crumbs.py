"""Thousands of files with one row each, as a line leaves them that is never compacted; made by copying one."""

from __future__ import annotations

from pathlib import Path
from struct import pack

from pipeline.records import Gap
from pipeline.table import rows

SEQ, TIME = 0x1122334455667788, 0x1234567812345678  # whatever stands nowhere else in a file


def crumbs(folder: Path, count: int, begin_ns: int = 0, every_ns: int = 1) -> None:
    """Files with a gap of one frame each, frame after frame.

    Args:
        folder: Where the table's day lies; it is made.
        count: How many.
        begin_ns: Exposure of the first.
        every_ns: From one to the next.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    told = Gap(camera="cam-1", session="s", seq=SEQ, t_ns=TIME, last=SEQ, reason="overflow", where="a")
    sink = pa.BufferOutputStream()
    pq.write_table(rows([told])["gaps"], sink, compression="none", use_dictionary=False)
    content = sink.getvalue().to_pybytes()
    folder.mkdir(parents=True)
    for number in range(count):
        own = content.replace(pack("<q", SEQ), pack("<q", number))
        own = own.replace(pack("<q", TIME), pack("<q", begin_ns + number * every_ns))
        (folder / f"{number}.parquet").write_bytes(own)
    first, last = (pq.ParquetFile(folder / f"{number}.parquet") for number in (0, count - 1))
    assert first.read()["seq"].to_pylist() == [0]
    assert last.read().select(["seq", "last", "t_ns"]).to_pylist() == [
        {"seq": count - 1, "last": count - 1, "t_ns": begin_ns + (count - 1) * every_ns}
    ]
    assert last.metadata.row_group(0).column(2).statistics.max == count - 1
