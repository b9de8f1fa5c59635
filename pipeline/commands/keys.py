"""`kensa keys`: who may speak with this host over the network."""

from __future__ import annotations

import argparse
import socket

from pipeline.folders import keys_folder
from pipeline.keys import KeysError, brief, own, read
from pipeline.provision import allow, make, revoke

STEPS = """
On every host:          kensa keys init --host NAME        NAME as the topology has it
Carry NAME.public to every host that it speaks with (it is no secret), and there:
                        kensa keys add NAME.public
A host that is stolen:  kensa keys revoke NAME             on every other host; a running line cuts it off at once
Keys are in $KENSA_KEYS, else ~/.config/kensa/keys. A running line follows every change.
"""


def add(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.epilog, parser.formatter_class = STEPS, argparse.RawDescriptionHelpFormatter
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    init = actions.add_parser("init", help="make this host's keys")
    init.add_argument("--host", default="", metavar="NAME", help="this host's name in topologies; else its own")
    init.add_argument("--replace", action="store_true", help="make others, where there are some already")
    new = actions.add_parser("add", help="allow another host")
    new.add_argument("key", metavar="FILE|KEY", help="its public key: the file, or the digits in it")
    new.add_argument("--host", default="", metavar="NAME", help="its name in topologies; else what the file says")
    gone = actions.add_parser("revoke", help="refuse another host's key, from now on and for good")
    gone.add_argument("host", metavar="NAME", help="its name in topologies")
    actions.add_parser("list", help="say whom this host knows")


def run(args: argparse.Namespace) -> int:
    """Do it; returns the exit status."""
    {"init": _init, "add": _add, "revoke": _revoke, "list": _list}[args.action](args)
    return 0


def _init(args: argparse.Namespace) -> None:
    host = args.host or socket.gethostname().split(".")[0]
    path = make(keys_folder(), host, _pair(), replace=args.replace)
    print(f"made the keys of host '{host}'; carry {path} to the hosts it speaks with, and there type")
    print(f"  kensa keys add {path.name}")


def _add(args: argparse.Namespace) -> None:
    path = allow(keys_folder(), args.key, args.host)
    print(f"host '{path.stem}' is allowed here")


def _revoke(args: argparse.Namespace) -> None:
    key = revoke(keys_folder(), args.host)
    print(f"host '{args.host}' is refused here from now on: its key {brief(key)} is revoked")


def _list(_: argparse.Namespace) -> None:
    folder = keys_folder()
    everybody = read(folder, "")
    rows = [("this host", name, _own(name)) for name in own(folder)]
    rows += [("allowed", name, brief(key)) for name, key in sorted(everybody.allowed.items())]
    rows += [("revoked", "", brief(key)) for key in sorted(everybody.revoked)]
    print(f"keys in {folder}")
    for state, name, key in rows:
        print(f"  {state:<10} {name:<16} {key}".rstrip())


def _own(name: str) -> str:
    try:
        pair = read(keys_folder(), name).pair
    except KeysError as error:
        return f"of no use: {error}"
    return brief(pair.public) if pair else ""


def _pair() -> tuple[bytes, bytes]:
    """A new public and secret key, from the system's randomness by libsodium."""
    import zmq
    from zmq.utils import z85

    public, secret = zmq.curve_keypair()
    return z85.decode(public), z85.decode(secret)
