"""`kensa alarm`: see the alarms of a running line, and answer them."""

from __future__ import annotations

import argparse
import getpass
import json
import sys
from datetime import datetime

import msgspec
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from pipeline.durations import seconds
from pipeline.errors import KensaError
from pipeline.orders import Answer, Figures, Order, Shown, Verb
from pipeline.runtime.control import Client, find

VERBS: dict[str, tuple[Verb, str]] = {
    "ack": ("acknowledge", "somebody looks after it"),
    "comment": ("comment", "note something beside it"),
    "reset": ("reset", "let a latched alarm go once its condition is over"),
    "shelve": ("shelve", "hear nothing of it for a time"),
    "unshelve": ("unshelve", "hear of it again"),
    "suppress": ("suppress", "hear nothing of it while the line is as it is, such as during a changeover"),
    "unsuppress": ("unsuppress", "hear of it again"),
    "out-of-service": ("remove", "take it out for maintenance"),
    "in-service": ("restore", "take it in again"),
}
REASONED = ("comment", "shelve", "suppress", "out-of-service")
UNDONE = 1
WORDS = {
    "unacknowledged": "bold red",
    "acknowledged": "yellow",
    "returned_unacknowledged": "cyan",
    "latched": "magenta",
    "latched_unacknowledged": "bold magenta",
}
EPILOG = """
Whoever may use the line's run folder may do this: it is its owner's alone. Each action is noted in the journal of
alarms with --by, or else with the name of the user, whether it was done or refused.
exit status:
  0  done
  1  refused: the reason is printed
  2  there is no such line or alarm, or it does not answer
"""


def add(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.epilog, parser.formatter_class = EPILOG, argparse.RawDescriptionHelpFormatter
    choices = parser.add_subparsers(dest="do", metavar="DO", required=True)
    for name, said in (("list", "show all alarms that are not normal"), ("figures", "show how well alarms serve")):
        one = choices.add_parser(name, help=said, description=said[:1].upper() + said[1:] + ".")
        one.add_argument("--json", action="store_true", help="as JSON")
        one.add_argument("--line", help="name of the line; not needed where only one runs")
    for name, (_, said) in VERBS.items():
        _answering(choices.add_parser(name, help=said, description=said[:1].upper() + said[1:] + "."), name)


def _answering(one: argparse.ArgumentParser, name: str) -> None:
    one.add_argument("alarm", help="the alarm, as `kensa alarm list` shows it: bad-parts@cam-1")
    one.add_argument("--line", help="name of the line; not needed where only one runs")
    one.add_argument("--by", metavar="NAME", help="who does it; the name of the user by default")
    one.add_argument("--reason", default="", required=name in REASONED, metavar="TEXT", help="why, for the journal")
    if name == "shelve":
        one.add_argument("--for", dest="seconds", type=seconds, required=True, metavar="TIME", help="such as 10min, 1h")
        one.add_argument("--once", action="store_true", help="until it returns at the latest")
    if name == "ack":
        one.add_argument(
            "--occurrence", default="", metavar="ID", help="which occurrence is meant; the last by default"
        )


def run(args: argparse.Namespace) -> int:
    """Do it; returns the exit status."""
    order = None if args.do in ("list", "figures") else _order(args)
    with Client(find(args.line)) as client:
        answers = client.give(order)
    if not answers:
        raise KensaError(
            f"line '{client.about.line}': no node with an alarm book runs here; give `alarms` the parameter `book`, "
            "or wait until it has started"
        )
    if order:
        return _done(answers, order)
    if args.json:
        print(json.dumps(msgspec.to_builtins(answers), ensure_ascii=False))
    elif args.do == "list":
        show_list(answers)
    else:
        _figures(answers)
    return 0


def _order(args: argparse.Namespace) -> Order:
    login = getpass.getuser()
    return Order(
        verb=VERBS[args.do][0],
        alarm=args.alarm,
        by=args.by or login,
        login=login,
        reason=args.reason,
        seconds=getattr(args, "seconds", 0.0),
        once=getattr(args, "once", False),
        occurrence=getattr(args, "occurrence", ""),
    )


def _done(answers: list[Answer], order: Order) -> int:
    """Say what came of it."""
    knowing = [answer for answer in answers if answer.knows]
    if not knowing:
        books = ", ".join(answer.book for answer in answers)
        raise KensaError(f"no alarm called '{order.alarm}' in {books}; see `kensa alarm list`")
    for answer in knowing:
        if answer.refused:
            print(answer.refused, file=sys.stderr)
        else:
            print("\n".join(f"{one.alarm} is {_words(one.state)}" for one in answer.alarms))
    return UNDONE if any(answer.refused for answer in knowing) else 0


def show_list(answers: list[Answer]) -> None:
    """What people are called for, with what to do about it; then, in a line each, what is set aside."""
    console = Console(highlight=False)
    for answer in answers:
        if not answer.alarms:
            console.print(f"{answer.book}: every alarm is normal")
        for one in answer.alarms:
            console.print(_head(one))
            for said in _aside(one) if one.state != one.life else _told(one):
                console.print(Padding(Text(said), (0, 0, 0, 4), expand=False))
        if answer.more:
            console.print(f"… and {answer.more:,} more")


def _head(one: Shown) -> Text:
    since = f"  since {_clock(one.since_ns)}" if one.since_ns else ""
    marks = "  first of its group" * one.first + "  chattering" * one.chattering
    head = Text(f"{one.priority:<8}  ")
    head.append(f"{one.alarm}  {_words(one.state)}", style=WORDS.get(one.state, "dim"))
    return head.append(f"{since}{marks}", style="dim")


def _told(one: Shown) -> list[str]:
    """Why, what to do, and who looks after it."""
    who = f"{one.by}: {one.reason or 'acknowledged'}" if one.by else ""
    said = [one.text, f"cause: {one.cause}", f"if nobody acts: {one.consequence}", f"do: {one.action}", one.link, who]
    return [line for line in (*said, _remark(one)) if line]


def _remark(one: Shown) -> str:
    return f"{one.remarked_by}: {one.remark}" if one.remark else ""


def _aside(one: Shown) -> list[str]:
    """Who set it aside, and why."""
    until = f" until {_clock(one.until_ns)}" if one.until_ns else ""
    up = f"; its condition: {_words(one.life)}" if one.life != "normal" else ""
    said = [f"{one.by or 'by the alarm book'}{until}: {one.reason}{up}", _remark(one)]
    return [line for line in said if line]


def _figures(answers: list[Answer]) -> None:
    for answer in answers:
        assert answer.figures
        print(f"{answer.book}, the last {answer.figures.hours:.0f} h")
        print("\n".join(f"  {name:<12}{said}" for name, said in _said(answer.figures)))


def _said(found: Figures) -> list[tuple[str, str]]:
    return [
        ("alarms", f"{found.raised:,}, {found.per_hour:.1f} an hour, at most {found.busiest:,} in one"),
        ("floods", f"{found.floods:,}"),
        ("standing", _names(found.standing)),
        ("waiting", f"{found.waiting:,} to be acknowledged"),
        ("stale", _names(found.stale)),
        ("chattering", _names(found.chattering)),
        ("set aside", _names(found.aside)),
        ("most", ", ".join(f"{name} {count:,}" for name, count in found.top) or "none"),
    ]


def _names(names: tuple[str, ...]) -> str:
    return f"{len(names):,}" + (f": {', '.join(names[:10])}{', …' if len(names) > 10 else ''}" if names else "")


def _words(state: str) -> str:
    return state.replace("_", " ")


def _clock(t_ns: int) -> str:
    return datetime.fromtimestamp(t_ns / 1e9).astimezone().strftime("%Y-%m-%d %H:%M:%S") if t_ns else "never"
