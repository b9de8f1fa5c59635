"""Who belongs to whom, all together: the cheapest matching of rows and columns, few of which come near each other.

Shortest augmenting paths over prices, one row at a time: Jonker and Volgenant, *A shortest augmenting path algorithm
for dense and sparse linear assignment problems*, Computing 38 (1987), with a column of its own for each row, which is
to stay alone. SciPy has the dense kind and would cost a line 40 MB; behind a gate a row has one to three columns.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from heapq import heappop, heappush

Costs = dict[int, float]  # column → cost, of one row


def assign(pairs: Iterable[tuple[float, int, int]], alone: float) -> dict[int, int]:
    """The one-to-one matching with the least cost.

    Args:
        pairs: (cost, row, column) of every pair that may be; a pair that is not there can't be.
        alone: What a row costs that gets no column.

    Returns:
        Row → column, of those that got one.
    """
    rows: dict[int, Costs] = {}
    for cost, row, column in pairs:
        if cost < alone:
            rows.setdefault(row, {})[column] = cost
    wanted = Counter(column for costs in rows.values() for column in costs)
    found = {}
    for row, costs in rows.items():
        first = next(iter(costs))
        if len(costs) == 1 and wanted[first] == 1:
            found[row] = first
    contested = {row: costs for row, costs in rows.items() if row not in found}
    return found | _Contest(contested, alone).settled() if contested else found


class _Contest:
    """The same for rows that compete, by the shortest path from each to a column that is free."""

    def __init__(self, rows: dict[int, Costs], alone: float) -> None:
        self._rows, self._alone = rows, alone
        self._found: dict[int, int] = {}
        self._owners: dict[int, int] = {}
        self._prices: dict[int, float] = {}

    def settled(self) -> dict[int, int]:
        """Row → column."""
        for row in self._rows:
            self._place(row)
        return self._found

    def _place(self, start: int) -> None:
        """Give one more row its place, and let those make room for it for whom that is cheapest: Dijkstra's way.

        It ends at a column that is free, or at a row that is left alone, whichever is nearer.
        """
        queue: list[tuple[float, int, int]] = []  # (distance, column, row it is reached from)
        done: dict[int, tuple[float, int]] = {}
        nearest, loner = math.inf, start
        row, base, end = start, 0.0, None
        while True:
            if base + self._alone < nearest:
                nearest, loner = base + self._alone, row
            for column, cost in self._rows[row].items():
                if column not in done:
                    heappush(queue, (base + cost - self._prices.get(column, 0.0), column, row))
            while queue and queue[0][1] in done:
                heappop(queue)
            if not queue or queue[0][0] >= nearest:
                end = self._found.pop(loner, None)
                break
            nearby, column, before = heappop(queue)
            done[column] = (nearby, before)
            if column not in self._owners:
                nearest, end = nearby, column
                break
            row = self._owners[column]
            base = nearby - (self._rows[row][column] - self._prices.get(column, 0.0))
        for column, (distance, _) in done.items():
            self._prices[column] = self._prices.get(column, 0.0) + distance - nearest
        self._hand_back(start, end, done)

    def _hand_back(self, start: int, column: int | None, done: dict[int, tuple[float, int]]) -> None:
        """Hand columns on along the path, from its end to where it began."""
        while column is not None:
            row = done[column][1]
            before = self._found.get(row)
            self._found[row], self._owners[column] = column, row
            column = before if row != start else None
