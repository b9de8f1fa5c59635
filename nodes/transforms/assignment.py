"""Who belongs to whom, all together: the cheapest matching of rows and columns, few of which come near each other.

Shortest augmenting paths over prices, one row at a time: Jonker and Volgenant, *A shortest augmenting path algorithm
for dense and sparse linear assignment problems*, Computing 38 (1987), with a column of its own for each row, which is
to stay alone. SciPy has the dense kind and would cost a line 40 MB; behind a gate a row has one to three columns.
"""

from __future__ import annotations

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
    found = {row: next(iter(costs)) for row, costs in rows.items() if len(costs) == 1 and wanted[next(iter(costs))] == 1}
    contested = {row: costs for row, costs in rows.items() if row not in found}
    return found | _augmented(contested, alone) if contested else found


def _augmented(rows: dict[int, Costs], alone: float) -> dict[int, int]:
    """The same for rows that compete, by the shortest path from each to a column that is free."""
    owners: dict[int, int] = {}
    found: dict[int, int] = {}
    prices: dict[int, float] = {}
    for row in rows:
        _augment(row, rows, alone, owners, found, prices)
    return found


def _augment(
    start: int, rows: dict[int, Costs], alone: float, owners: dict[int, int], found: dict[int, int], prices: dict[int, float]
) -> None:
    """Give one more row its place, and let those make room for it for whom that is cheapest.

    Dijkstra over columns, in reduced costs: an owner's own column is what its other ones are compared with.
    """
    queue: list[tuple[float, int, int]] = []  # (distance, column, row it is reached from)
    done: dict[int, tuple[float, int]] = {}
    best = (float("inf"), start)  # the cheapest row to be left alone, and at what distance
    row, base = start, 0.0
    while True:
        if base + alone < best[0]:
            best = (base + alone, row)
        for column, cost in rows[row].items():
            if column not in done:
                heappush(queue, (base + cost - prices.get(column, 0.0), column, row))
        while queue and queue[0][1] in done:
            heappop(queue)
        if not queue or queue[0][0] >= best[0]:
            end, last = None, best[0]
            break
        distance, column, before = heappop(queue)
        done[column] = (distance, before)
        if column not in owners:
            end, last = column, distance
            break
        row = owners[column]
        base = distance - (rows[row][column] - prices.get(column, 0.0))
    for column, (distance, _) in done.items():
        prices[column] = prices.get(column, 0.0) + distance - last
    _shift(start, best[1] if end is None else None, end, done, owners, found)


def _shift(
    start: int,
    loner: int | None,
    end: int | None,
    done: dict[int, tuple[float, int]],
    owners: dict[int, int],
    found: dict[int, int],
) -> None:
    """Hand columns back along the path, from its end to where it began."""
    column = end
    if loner is not None:
        column = found.pop(loner, None)
    while column is not None:
        row = done[column][1]
        before = found.get(row)
        found[row], owners[column] = column, row
        column = before if row != start else None
