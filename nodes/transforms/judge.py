"""What a rule book says of what was seen: pure but for what it remembers of the frames before."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from msgspec.structs import replace

from nodes.transforms.book import Ready
from nodes.transforms.check import Check
from nodes.transforms.unread import unseen
from nodes.transforms.weigh import RANK, Scene, about, chosen, kept, polygon_area, weigh
from pipeline.records import Finding, Gap, Outcome, Part, Region, Regions, Roi, Verdict

UNSEEN = "?"


class Judge:
    """Judges the records of one camera by one version of a book.

    Args:
        book: The book; another version of it needs another judge, so none ever judges by two.
    """

    def __init__(self, book: Ready) -> None:
        self.book, self._tells = book, book.book.tell == "all"
        self._session = ""
        self._past: dict[tuple[str, str], deque[str]] = {}
        self._came: dict[str, deque[int]] = {}
        self._since_ns, self._dark = 0, False
        self._watermark: int | None = None
        self._last: Regions | None = None
        self._same = 0

    def judge(self, record: Regions | Part | Gap) -> Verdict:
        """The verdict on a record, from it and from what came before."""
        if record.session != self._session:
            self._begin(record)
        if isinstance(record, Gap):
            return self._gap(record)
        if isinstance(record, Part):
            self._watermark = record.watermark
        elif self._watermark == 0:  # nobody tells parts here
            self._watermark = None
        if self._dark:
            self._since_ns, self._dark = record.t_ns, False
        if why := [*self._unread(record)]:
            self._forget(record)
            return self._verdict(record, why)
        findings = self._findings(record)
        if isinstance(record, Part) and record.hidden > self.book.book.max_hidden and _worst(findings) != "FAIL":
            findings.append(_unread("hidden", "HIDDEN", "hidden", record.hidden, high=self.book.book.max_hidden))
        return self._verdict(record, findings)

    def _begin(self, record: Regions | Part | Gap) -> None:
        """Another session: what was before has nothing to do with it."""
        self._session, self._last, self._same, self._dark, self._watermark = record.session, None, 0, True, 0
        self._past.clear()
        self._came.clear()

    def _gap(self, gap: Gap) -> Verdict:
        """Nobody saw these frames: whatever rule looks at several frames must not take them for good ones."""
        missing = gap.last - gap.seq + 1
        for past in self._past.values():
            past.extend(UNSEEN * min(missing, past.maxlen or 0))
        self._last, self._dark = None, True
        reason = gap.reason.upper() or "GAP"
        finding = Finding("gap", reason, "frames", missing, high=0, outcome="NO_READ", note=f"lost at {gap.where}")
        return self._verdict(gap, [finding])

    def _forget(self, record: Regions | Part) -> None:
        """Whoever looks at several frames knows nothing of this one."""
        for (_, prompt), past in self._past.items():
            if prompt == record.prompt:
                past.append(UNSEEN)

    def _unread(self, record: Regions | Part) -> Iterator[Finding]:
        """Why a record says nothing about what it shows; nothing where it does."""
        yield from self._misplaced(record)
        if isinstance(record, Regions):
            yield from self._stale(record)
            yield from self._blank(record)
            yield from self._dazzled(record.regions)
            return
        if record.views < (least := self.book.book.min_views):
            yield _unread("views", "NOT_SEEN_WHOLE", "views", record.views, low=least)
        yield from self._dazzled([record.best])

    def _misplaced(self, record: Regions | Part) -> Iterator[Finding]:
        """The crop was another, or nobody knows which."""
        if not (crops := self.book.book.crops):
            return
        wanted, roi = crops.get(record.prompt), record.roi
        if wanted is None:
            note = f"prompt '{record.prompt}' has no crop in the book; there are {', '.join(sorted(crops))}"
        elif roi is None or record.epoch != "settled":
            note = "nobody knows which crop it was"
        elif (roi.x, roi.y, roi.width, roi.height) != tuple(wanted):
            note = f"expected the crop {_crop(Roi(*wanted))}, it was {_crop(roi)}"
        else:
            return
        yield _unread("crop", "WRONG_ROI", "crops", 0, low=1, note=note)

    def _stale(self, record: Regions) -> Iterator[Finding]:
        """The same exposure again, or the very same masks for too long."""
        last, self._last = self._last, record
        if last is not None and record.seq > last.seq and record.t_ns <= last.t_ns:
            yield _unread(
                "stale", "STALE", "ms", (record.t_ns - last.t_ns) / 1e6, note="exposed before the frame before"
            )
        same = last is not None and record.regions and record.regions == last.regions and record.prompt == last.prompt
        self._same = self._same + 1 if same else 0
        if 0 < self.book.book.frozen <= self._same + 1 and same:
            note = "the very same masks: look whether the sensor still looks"
            yield _unread("frozen", "STALE", "frames", self._same + 1, high=self.book.book.frozen - 1, note=note)

    def _blank(self, record: Regions) -> Iterator[Finding]:
        labels = {region.label for region in record.regions}
        for label in self.book.book.needs:
            if label not in labels:
                yield _unread("needs", "NO_MASK", "regions", 0, low=1, note=f"nothing that is '{label}'")

    def _dazzled(self, regions: Iterable[Region]) -> Iterator[Finding]:
        shares: dict[str, float] = {}
        for region in regions:
            height, width = region.mask.size
            shares[region.label] = shares.get(region.label, 0.0) + region.area_px / max(height * width, 1)
        for label, share in shares.items():
            if share >= self.book.dazzled:
                yield _unread("saturated", "SATURATED", "coverage", share, high=self.book.dazzled, note=f"'{label}'")

    def _findings(self, record: Regions | Part) -> list[Finding]:
        """One finding for each rule that has something to say."""
        asked = [check for check in self.book.checks if _asks(check, record)]
        if not asked:
            what = f"part of '{record.best.label}'" if isinstance(record, Part) else "frame"
            return [_unread("book", "NO_RULE", "rules", 0, low=1, note=f"no rule of the book is about this {what}")]
        shown = _by_label((record.best,) if isinstance(record, Part) else record.regions)
        found = (self._asked(check, record, shown.get(check.label, [])) for check in asked)
        return [finding for finding in found if finding is not None]

    def _asked(self, check: Check, record: Regions | Part, shown: list[Region]) -> Finding | None:
        if check.narrow:
            shown = [region for region in shown if about(check, region)]
        if check.tool and not shown:
            return self._lasting(check, record, unseen(check)) if check.often[1] > 1 else unseen(check)
        if check.where is None and not self._tells and kept(check, shown):
            return self._lasting(check, record, None) if check.often[1] > 1 else None
        sure = [(region, chosen(check, region)) for region in shown]
        regions = [region for region, wanted in sure if wanted]
        part, size = (record, record.best.mask.size) if isinstance(record, Part) else (None, record.size)
        area = size[0] * size[1] if check.corners is None else polygon_area(check.corners)
        scene = Scene(regions, part, area, self._rate(check, record, came=bool(regions)))
        settled = not check.rated or record.t_ns - self._since_ns >= check.window_ns
        unknown = sum(wanted is None for _, wanted in sure)
        found = weigh(check, scene, settled=settled, unknown=unknown, tells=self._tells)
        return self._lasting(check, record, found) if check.often[1] > 1 and part is None else found

    def _rate(self, check: Check, record: Regions | Part, *, came: bool) -> float:
        """How often what a rule is about came within its window, 1/s."""
        if not check.rated:
            return 0.0
        times = self._came.setdefault(check.name, deque())
        if came:
            times.append(record.t_ns)
        while times and times[0] <= record.t_ns - check.window_ns:
            times.popleft()
        return len(times) / (check.window_ns / 1e9)

    def _lasting(self, check: Check, record: Regions | Part, found: Finding | None) -> Finding | None:
        """What a rule says that looks at several frames: it is broken now, and was so in enough of the last ones."""
        n, m = check.often
        past = self._past.setdefault((check.name, record.prompt), deque(maxlen=m))
        outcome = found.outcome if found else "PASS"
        past.append(UNSEEN if outcome == "NO_READ" else "b" if outcome != "PASS" else "g")
        if found is None or outcome in ("PASS", "NO_READ") or past.count("b") >= n:
            return found
        unseen = past.count(UNSEEN)
        note = f"broken in {past.count('b')} of the last {len(past)} frames, {unseen} of them unseen"
        if past.count("b") + unseen >= n:
            return _like(found, "NO_READ", note)
        return _like(found, "PASS", note)

    def _verdict(self, record: Regions | Part | Gap, findings: Sequence[Finding]) -> Verdict:
        part = record if isinstance(record, Part) else None
        broken = sorted((each for each in findings if each.outcome != "PASS"), key=lambda each: -RANK[each.outcome])
        return Verdict(
            camera=record.camera,
            session=record.session,
            seq=record.last if isinstance(record, Gap) else record.seq,
            t_ns=record.t_ns,
            outcome=_worst(findings),
            subject="part" if part else "gap" if isinstance(record, Gap) else "frame",
            part=part.id if part else None,
            first_seq=_first(record),
            findings=tuple(broken),
            book=self.book.name,
            version=self.book.version,
            kept=tuple(finding for finding in findings if finding.outcome == "PASS") if self._tells else (),
            mark=part.mark if part else record.encoder if isinstance(record, Regions) else None,
            watermark=None if isinstance(record, Regions) else self._watermark,
        )


def _first(record: Regions | Part | Gap) -> int:
    """The first frame that it says something about: parts that a node forgot were seen last before a gap began."""
    if isinstance(record, Gap):
        return record.seq if record.since is None else min(record.seq, record.since)
    return record.first_seq if isinstance(record, Part) else record.seq


def _worst(findings: Iterable[Finding]) -> Outcome:
    return max((finding.outcome for finding in findings), key=RANK.__getitem__, default="PASS")


def _by_label(regions: Iterable[Region]) -> dict[str, list[Region]]:
    found: dict[str, list[Region]] = {}
    for region in regions:
        found.setdefault(region.label, []).append(region)
    return found


def _unread(rule: str, reason: str, measure: str, found: float, **said: Any) -> Finding:
    return Finding(rule, reason, measure, found, outcome="NO_READ", **said)


def _like(finding: Finding, outcome: Outcome, note: str) -> Finding:
    return replace(finding, outcome=outcome, note="; ".join(filter(None, (finding.note, note))))


def _asks(check: Check, record: Regions | Part) -> bool:
    """Whether a rule is about a record at all."""
    if check.prompt not in (None, record.prompt):
        return False
    if isinstance(record, Regions):
        return check.of_frames
    # What a tool should have measured of a part is asked for wherever the part lies, and however much of it is seen.
    own = record.best.label == check.label if check.tool else about(check, record.best)
    return check.of_parts and own and chosen(check, record.best) is not False


def _crop(roi: Roi) -> str:
    return f"{roi.width}×{roi.height} at ({roi.x}, {roi.y})"
