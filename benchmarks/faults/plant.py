"""A plant to break: four cameras, transforms, archive, alarms, a witness; on one host over ipc, on two over tcp.

Everything that it keeps is in one folder. A host's command is started again after it was killed, as a service manager
would; nothing else helps the line.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Self

from benchmarks.faults.cable import Cable
from benchmarks.faults.consumers import Consumers
from benchmarks.faults.hook import Hook
from benchmarks.faults.proxy import Proxy
from benchmarks.lines import BOOK, KENSA, ROOT
from pipeline.folders import run_folder
from pipeline.runtime.control import Client
from pipeline.runtime.folder import About, Running
from pipeline.runtime.state import Snapshot

LINE = "bench-faults"
CAMERAS = tuple(f"cam-{number}" for number in range(1, 5))
PLAIN, NAMESPACES = "tcp, no keys", "tcp, two namespaces"
HOSTS: Mapping[str, tuple[str, ...]] = {"ipc": ("front",)} | dict.fromkeys(
    ("tcp", PLAIN, NAMESPACES), ("front", "back")
)
LANES = 4  # ports that a host is given
WITHIN = 90.0  # seconds in which anything that must happen has to, on a machine that others keep busy

NODES = """\
nodes:
  camera:  {{use: "benchmarks.faults.nodes:belt", with: {{journal: {folder}/given, rate: {rate}}}}}
  clean:   {{from: camera, with: {{min_area: 25, fill_holes: 4}}}}
  measure: {{from: clean, isolate: true}}
  track:   {{from: measure, with: {{pulse: 1.0}}}}
  rules:   {{from: track, with: {{book: {book}}}}}
  archive: {{from: [track, rules], at: {sinks}, with: {{path: {folder}/archive/kept}}}}
  alarms:  {{from: rules, at: {sinks}, with: {{path: {folder}/alarms/events.jsonl{hook}}}}}
  witness: {{use: "benchmarks.faults.nodes:witness", from: track, at: {sinks}, with: {{path: {folder}/seen}}}}
"""


class Setting(NamedTuple):
    """How a plant is made.

    Attributes:
        transport: `ipc`: one host; `tcp`: cameras on one host, sinks on another, with keys; `PLAIN`: without;
            `NAMESPACES`: with keys, each host in a network of its own.
        rate: Frames per second of each camera.
        change: What is different in the topology: its text → another.
        options: More arguments of `kensa run`.
        proxied: Hosts reach each other through ports that are ours.
        hooked: Events are posted to a webhook that is ours.
        consumed: There are a broker, a webhook and a PLC that are told every verdict, and a gate.
        disks: Folders of the plant that are file systems of their own → their size.
        shim: A folder in front of the module path of all processes, where clocks are set.
    """

    transport: str = "ipc"
    rate: float = 30.0
    change: Callable[[str], str] = str
    options: tuple[str, ...] = ()
    proxied: bool = False
    hooked: bool = False
    consumed: bool = False
    disks: Mapping[str, str] = {}
    shim: Path | None = None


class Plant:
    """A line of ours, its files and its processes; use it as a context, which leaves no process behind."""

    def __init__(self, folder: Path, setting: Setting) -> None:
        self.folder, self.setting = folder, setting
        self.archive, self.events, self.seen = folder / "archive/kept", folder / "alarms/events.jsonl", folder / "seen"
        self.hosts = HOSTS[setting.transport]
        self.commands: dict[str, subprocess.Popen[bytes]] = {}
        self.ended: list[tuple[int, str]] = []
        self._runs = 0
        for name in ("given", "archive", "alarms", "run", "state", "out"):
            (folder / name).mkdir()
        for name, size in setting.disks.items():
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "kensa", folder / name], check=True)
        for host in self.hosts:
            (folder / f"skew-{host}").write_bytes(bytes(8))
        if setting.transport in ("tcp", NAMESPACES):
            self._exchange_keys()
        self.cable = Cable(self.hosts) if setting.transport == NAMESPACES else None
        self.hook = Hook() if setting.hooked else None
        self.consumers = Consumers(folder, ports(1)[0]) if setting.consumed else None
        self.ports = ports(LANES * 2 * len(self.hosts))
        half = len(self.ports) // 2
        routes = dict(zip(self.ports[half:], self.ports[:half], strict=True))
        self.proxy = Proxy(routes) if setting.proxied else None

    def __enter__(self) -> Self:
        if self.cable:
            self.cable.plug()
        return self

    def __exit__(self, *_: object) -> None:
        for host in self.commands:
            self.kill_all(host)
        for each in (self.proxy, self.hook, self.consumers):
            if each:
                each.close()
        if self.cable:
            self.cable.unplug()
        for name in self.setting.disks:
            subprocess.run(["umount", "-l", self.folder / name], check=True)

    def write(self, host: str, change: Callable[[str], str] = str) -> Path:
        """The topology as a host has it."""
        path = self.folder / f"{host}.yaml"
        text = "line: {plant: bench, line: faults}\nhosts:\n"
        for number, name in enumerate(self.hosts):
            there = self.setting.proxied and name != host
            port = self.ports[LANES * (number + len(self.hosts) * there)]
            cameras = f", cameras: [{', '.join(CAMERAS)}]" if not number else ""
            address = self.cable.addresses[name] if self.cable else "127.0.0.1"
            text += f"  {name}: {{address: {address}, port: {port}{cameras}}}\n"
        hook = f", url: {self.hook.url}, timeout: 1.0" if self.hook else ""
        text += NODES.format(folder=self.folder, rate=self.setting.rate, book=BOOK, sinks=self.hosts[-1], hook=hook)
        text += self.consumers.nodes(self.hosts[-1], CAMERAS) if self.consumers else ""
        path.write_text(change(self.setting.change(text)), encoding="utf-8")
        return path

    def start(self, *hosts: str) -> None:
        """Start the commands of some hosts, of all of them where none is said."""
        for host in hosts or self.hosts:
            self._runs += 1
            out = self.folder / "out" / f"{self._runs:03}-{host}"
            more = ("--insecure", *self.setting.options) if self.setting.transport == PLAIN else self.setting.options
            inside = self.cable.inside(host) if self.cable else []
            command: list[str | Path] = [*inside, KENSA, "run", self.write(host), "--host", host, "--log", f"{out}.log"]
            with out.open("wb") as text:
                started = subprocess.Popen([*command, *more], cwd=ROOT, env=self.env(host), stdout=text, stderr=text)
            self.commands[host] = started

    def env(self, host: str = "") -> dict[str, str]:
        """The environment of a host's processes."""
        places = {"KENSA_RUN": "run", "KENSA_STATE": "state", "KENSA_KEYS": f"keys/{host}", "TMPDIR": "out"}
        ours = {name: str(self.folder / place) for name, place in places.items()}
        if self.setting.shim:
            path = f"{self.setting.shim}:{ROOT}"
            return os.environ | ours | {"PYTHONPATH": path, "KENSA_SKEW": str(self.folder / f"skew-{host}")}
        return os.environ | ours | {"PYTHONPATH": str(ROOT)}

    def keys(self, host: str) -> Path:
        """Where a host has its keys."""
        return self.folder / "keys" / host

    def kensa(self, host: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Another command on a host."""
        return subprocess.run(
            [KENSA, *arguments],
            cwd=ROOT,
            env=self.env(host),
            capture_output=True,
            text=True,
            check=False,
            timeout=WITHIN,
        )

    def _exchange_keys(self) -> None:
        for host in self.hosts:
            self.kensa(host, "keys", "init", "--host", host).check_returncode()
        for host in self.hosts:
            for peer in set(self.hosts) - {host}:
                self.kensa(host, "keys", "add", self.keys(peer) / f"{peer}.public").check_returncode()

    def snapshot(self, host: str) -> Snapshot | None:
        """What a host's supervisor says; None where it does not answer."""
        folder = self.folder / "run" / run_folder(LINE, host).name
        with suppress(OSError), Client(Running(About(LINE, host, 0), folder)) as client:
            return client.watch()
        return None

    @property
    def running(self) -> bool:
        """Whether every host's supervisor says that all of its processes run."""
        states = [self.snapshot(host) for host in self.hosts]
        return all(state is not None and state.phase == "running" for state in states)

    def told(self, words: str) -> bool:
        """Whether an alarm of any host has these words."""
        states = (self.snapshot(host) for host in self.hosts)
        return not words or any(words in alarm.text for state in states if state for alarm in state.alarms)

    def process(self, name: str) -> int:
        """The process id of a process, by the beginning of its name, as soon as it runs; `supervisor` is a host's."""
        if name == "supervisor":
            return self.commands[self.hosts[0]].pid
        found: list[int] = []

        def runs() -> bool:
            states = [state for host in self.hosts for state in getattr(self.snapshot(host), "processes", ())]
            found[:] = [one.pid for one in states if one.name.startswith(name) and one.pid]
            return bool(found)

        self.until(runs, f"process '{name}' runs")
        return found[0]

    def kill(self, name: str, host: str = "") -> None:
        """`kill -9` of one process; a supervisor that was killed is started again as soon as it is gone."""
        host = host or self.hosts[0]
        os.kill(self.commands[host].pid if name == "supervisor" else self.process(name), signal.SIGKILL)
        if name == "supervisor":
            self.again(host)

    def kill_all(self, host: str) -> None:
        """`kill -9` of everything that a host runs."""
        command = self.commands[host]
        for pid in (command.pid, *self.family(host)):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        command.wait()
        self.until(lambda: not self.family(host), "killed processes are gone")

    def again(self, host: str) -> None:
        """Start a host's command again after it has died."""
        self.commands[host].wait()
        self.start(host)

    def family(self, host: str) -> list[int]:
        """Processes that a host's command started, also when it is gone: they share its environment and its log."""
        mark, log = f"KENSA_RUN={self.folder / 'run'}".encode(), f"-{host}.log"
        return [pid for pid in map(int, _numbers(Path("/proc"))) if _started_with(pid, mark) and _writes(pid, log)]

    def stop(self) -> None:
        """Ctrl-C, cameras' host first; what each printed, and its exit status, go into `ended`."""
        for host in self.hosts:
            command = self.commands[host]
            if command.poll() is None:
                command.send_signal(signal.SIGINT)
            status = command.wait(WITHIN * 2)
            self.ended.append((status, self.printed(host)))

    def printed(self, host: str) -> str:
        """What a host's newest command has printed."""
        newest = max(path for path in (self.folder / "out").glob(f"*-{host}"))
        return newest.read_text(encoding="utf-8", errors="replace")

    def until(self, fits: Callable[[], bool], what: str, within: float = WITHIN) -> float:
        """Wait for something to be so; returns the seconds it took.

        Raises:
            TimeoutError: If it never is.
        """
        begin = time.monotonic()
        while not fits():
            if time.monotonic() - begin > within:
                raise TimeoutError(f"expected within {within:g} s that {what}; {self.tail()}")
            time.sleep(0.01)
        return time.monotonic() - begin

    def tail(self) -> str:
        """The end of what all commands said."""
        said = [path.read_text(errors="replace")[-1500:] for path in sorted((self.folder / "out").glob("*"))[-4:]]
        return "\n".join(said)


def ports(count: int) -> list[int]:
    """Neighbouring free ports."""
    for base in range(21000 + os.getpid() * 64 % 8192, 32000, count):  # plants beside this one begin elsewhere
        with suppress(OSError):
            for port in range(base, base + count):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
            return [*range(base, base + count)]
    raise OSError("no free ports")


def _numbers(folder: Path) -> Iterator[str]:
    return (each.name for each in folder.iterdir() if each.name.isdigit())


def _started_with(pid: int, mark: bytes) -> bool:
    try:
        return mark in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return False


def _writes(pid: int, log: str) -> bool:
    try:
        return any(each.readlink().name.endswith(log) for each in Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return False
