"""The few exceptions a user can meet: each says what was expected, what was found, and what to do."""


class KensaError(Exception):
    """Anything that Kensa refuses; its text is for people."""


class DecodeError(KensaError):
    """Bytes that are not a record this version can read.

    Attributes:
        reason: One word for counters: `malformed`, `version`, `oversized`.
    """

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


class MaskError(KensaError):
    """Pixels or run lengths that are not a mask."""


class TableError(KensaError):
    """Records that have no table, a table that holds no such records, or no library to make one."""


class NodeError(KensaError):
    """A function whose signature is not a node's, or a node that cannot start."""


class TopologyError(KensaError):
    """A topology that cannot run; the text holds every fault with its place."""
