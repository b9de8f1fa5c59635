"""Two network namespaces as two hosts, and the wire between them: it can be cut, and made narrow. Needs root."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence

NET = "10.213.0"


class Cable:
    """The namespaces and the wire.

    Args:
        hosts: Two hosts, each of which gets a namespace.

    Attributes:
        names: Their namespaces.
        addresses: Their addresses.
    """

    def __init__(self, hosts: Sequence[str]) -> None:
        self.names = {host: f"kensa-{os.getpid()}-{host}" for host in hosts}
        self.addresses = {host: f"{NET}.{number}" for number, host in enumerate(hosts, 1)}
        self._last = hosts[-1]

    def plug(self) -> None:
        """Make both ends.

        Raises:
            OSError: If `ip` is not installed.
            subprocess.CalledProcessError: If that is not allowed.
        """
        for name in self.names.values():
            ip("netns", "add", name)
        ends = [f"k{number}-{os.getpid()}" for number in range(len(self.names))]
        ip("link", "add", ends[0], "type", "veth", "peer", "name", ends[1])
        for end, (host, name) in zip(ends, self.names.items(), strict=True):
            ip("link", "set", end, "netns", name)
            ip("-n", name, "link", "set", end, "name", "wire")
            ip("-n", name, "address", "add", f"{self.addresses[host]}/24", "dev", "wire")
            ip("-n", name, "link", "set", "lo", "up")
            ip("-n", name, "link", "set", "wire", "up")

    def inside(self, host: str) -> list[str]:
        """What stands before a command that runs on a host."""
        return ["ip", "netns", "exec", self.names[host]]

    def cut(self) -> None:
        """From now on nothing arrives, and nobody is told."""
        ip("-n", self.names[self._last], "link", "set", "wire", "down")

    def mend(self) -> None:
        """As before."""
        ip("-n", self.names[self._last], "link", "set", "wire", "up")

    def narrow(self, rate: str) -> None:
        """Let no more pass than this, each way, such as `1mbit`; half a second of it may wait in the wire."""
        for name in self.names.values():
            shape = ("rate", rate, "burst", "16kb", "latency", "500ms")
            _run("tc", "-n", name, "qdisc", "add", "dev", "wire", "root", "tbf", *shape)

    def widen(self) -> None:
        """Let everything pass again."""
        for name in self.names.values():
            _run("tc", "-n", name, "qdisc", "del", "dev", "wire", "root")

    def unplug(self) -> None:
        """Leave nothing."""
        for name in self.names.values():
            subprocess.run(["ip", "netns", "delete", name], capture_output=True, check=False)


def ip(*words: str) -> None:
    """Configure the network."""
    _run("ip", *words)


def _run(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True)
