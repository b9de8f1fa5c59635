"""A topology while it is being checked: what could be read of it, and the nodes it names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pipeline.catalog import Catalog
from pipeline.conform import Conform, whole
from pipeline.conversion import convert
from pipeline.errors import NodeError
from pipeline.faults import meant
from pipeline.located import Document, Path
from pipeline.node import Spec
from pipeline.records import Record
from pipeline.topology import Entry, File, Host


class Draft:
    """The parts of a document that can be read; everything else is told as a fault and left out.

    Attributes:
        document: Where faults are noted.
        hosts: Hosts that could be read.
        entries: Nodes that could be read.
        specs: What those nodes are, where the catalogue knows them.
        table: Camera → node → parameters, as the file has them.
        params: Parameters of each node that is known.
        rows: What differs for a camera: node → camera → parameters.
        unread: Where parameters stand of which something could not be read.
    """

    def __init__(self, document: Document, data: dict[str, Any], catalog: Catalog) -> None:
        self.document = document
        self._conform = Conform(document)
        self._catalog = catalog
        self._data = {name: _filled(section) if name == "nodes" else section for name, section in data.items()}
        self.file: dict[str, Any] = whole(self._conform(self._data, File, ()))
        self.hosts = {name: convert(raw, Host) for name, raw in self._section("hosts").items()}
        self.entries = {name: convert(raw, Entry) for name, raw in self._section("nodes").items()}
        self.specs = {name: spec for name in self.entries if (spec := self._spec(name))}
        self.table: dict[str, dict[str, Any]] = self._section("cameras")
        self.unread: set[Path] = set()
        self.params = {name: self._params(("nodes", name, "with"), name) for name in self.specs}
        self.rows = {name: self._rows(name) for name in self.specs}

    @property
    def cameras(self) -> dict[str, str]:
        """Each camera's host."""
        return {camera: name for name, host in self.hosts.items() for camera in host.cameras}

    def complain(self, path: Path, text: str, *, key: bool = False) -> None:
        """Note a fault."""
        self.document.complain(path, text, key=key)

    def feeds(self, name: str) -> Iterator[tuple[str, Path]]:
        """The nodes that feed one, known or not, and where it says so."""
        after = self.entries[name].after
        if isinstance(after, str):
            yield after, ("nodes", name, "from")
        else:
            yield from ((feed, ("nodes", name, "from", place)) for place, feed in enumerate(after))

    def inputs(self, name: str) -> list[str]:
        """The known nodes that feed one."""
        return [feed for feed, _ in self.feeds(name) if feed in self.entries]

    def raw(self, section: str, name: str) -> dict[str, Any]:
        """What the file says of one host or node, variables replaced."""
        found = self.named(section).get(name)
        return found if isinstance(found, dict) else {}

    def named(self, section: str) -> dict[str, Any]:
        """All that the file names in a section, whether it can be read or not."""
        found = self._data.get(section)
        return found if isinstance(found, dict) else {}

    def _rows(self, name: str) -> dict[str, dict[str, Any]]:
        """A node's rows of the camera table."""
        rows = {camera: row[name] for camera, row in self.table.items() if isinstance(row.get(name), dict)}
        return {camera: self._params(("cameras", camera, name), name) for camera in rows}

    def _params(self, path: Path, name: str) -> dict[str, Any]:
        said: Any = self._data
        for step in path:
            said = said.get(str(step), {}) if isinstance(said, dict) else {}
        kind, before = self.specs[name].params, len(self.document.faults)
        found = dict(whole(self._conform.fields(said, kind, path))) if isinstance(said, dict) else {}
        if len(self.document.faults) > before:
            self.unread.add(path)
        return found

    def _section(self, name: str) -> dict[str, Any]:
        found = self.file.get(name, {})
        return found if isinstance(found, dict) else {}

    def _spec(self, name: str) -> Spec | None:
        use = self.entries[name].use or name
        path, key = (("nodes", name, "use"), False) if self.entries[name].use else (("nodes", name), True)
        if use not in self._catalog:
            self.complain(path, f"no node called '{use}'{meant(use, self._catalog) or KNOWN}", key=key)
            return None
        try:
            return self._catalog[use]
        except NodeError as error:
            self.complain(path, str(error), key=key)
            return None


def _filled(nodes: Any) -> Any:
    """A node of which nothing is said, as in `clean:`, is one without words."""
    return {name: {} if entry is None else entry for name, entry in nodes.items()} if isinstance(nodes, dict) else nodes


KNOWN = "; `kensa nodes` lists them"


def kinds(records: frozenset[type[Record]]) -> str:
    """Record types as a sentence has them."""
    return " or ".join(sorted(record.__name__ for record in records)) or "nothing"
