"""Why a rule cannot say anything: what was not measured is never good."""

from __future__ import annotations

from nodes.transforms.check import Check
from nodes.transforms.measures import gauge_of
from pipeline.gauges import Fit
from pipeline.records import Finding, Region

FITTED = Fit.__struct_fields__


def unmeasured(check: Check, regions: int, region: Region | None) -> Finding:
    """Why nobody can say: as the tool tells it; else for want of a calibration, or of something that was reckoned."""
    gauge = gauge_of(region, check.tool) if check.tool and region else None
    reason = "NO_CALIBRATION" if check.metric else "NOT_MEASURED"
    note = f"'{check.formula.text}' could not be measured" + (": there is no calibration" if check.metric else "")
    if check.tool and gauge is None:
        names = ", ".join(each.tool for each in region.gauges) if region and region.gauges else "none"
        reason, note = "NOT_MEASURED", f"nothing called '{check.tool}' was measured; tools there: {names}"
    elif gauge and gauge.fault:
        reason, note = gauge.fault, gauge.note
    elif gauge and gauge.fit is None and any(term.measure.name in FITTED for term in check.formula.terms.values()):
        reason, note = "NO_TEMPLATE", f"'{check.formula.text}' needs a golden mask, and the layout has none there"
    elif gauge and gauge.calibration:
        reason, note = "NOT_MEASURED", f"'{check.formula.text}' could not be measured: there is nothing to measure"
    return Finding(
        check.name,
        reason,
        "unmeasured",
        regions,
        high=0,
        outcome="NO_READ",
        severity=check.severity,
        note=note,
        tool=check.tool or "",
        template=gauge.template if gauge else "",
    )


def unseen(check: Check) -> Finding:
    """What a rule on a tool says where there is nothing that the tool could have measured: it does not pass."""
    asked = [f"'{check.label}'", *(["whole"] if check.whole else []), *(["in its zone"] if check.corners else [])]
    note = f"nothing that is {', '.join(asked)} and could be measured by '{check.tool}'"
    return Finding(
        check.name,
        "NO_MASK",
        "regions",
        0,
        low=1,
        outcome="NO_READ",
        severity=check.severity,
        note=note,
        tool=check.tool or "",
    )
