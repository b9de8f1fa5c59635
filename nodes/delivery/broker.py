"""One connection to an MQTT broker (MQTT 3.1.1, through Eclipse Paho); whoever loses it makes another one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from msgspec import Struct

from pipeline.errors import NodeError

if TYPE_CHECKING:
    from paho.mqtt.client import Client, MQTTMessage

PORTS = {"mqtt": 1883, "mqtts": 8883}
LARGEST = (1 << 28) - 1  # bytes, which MQTT can say
Hear = Callable[[str, bytes], None]


class Access(Struct, frozen=True):
    """Where a broker is, and as whom to come.

    Attributes:
        url: `mqtt://host:1883`, or `mqtts://host:8883` for TLS.
        user: Name to log in with; empty where the broker asks for none.
        password_file: File whose first line is the password.
        ca: File with the certificates to trust; empty for those of the system.
        keepalive: After one and a half times so long without a word the broker says that the line is dead, s.
        timeout: Longest wait for an answer, s.
    """

    url: str
    user: str = ""
    password_file: str = ""
    ca: str = ""
    keepalive: int = 10
    timeout: float = 5.0

    @property
    def host(self) -> str:
        """Name or number of the host."""
        return urlsplit(self.url).hostname or "localhost"

    @property
    def port(self) -> int:
        """Its port."""
        found = urlsplit(self.url)
        return found.port or PORTS.get(found.scheme, 1883)

    @property
    def secure(self) -> bool:
        """Whether TLS is spoken."""
        return urlsplit(self.url).scheme == "mqtts"


class Publication(Struct, frozen=True):
    """Something to publish.

    Attributes:
        topic: Where.
        payload: What.
        retain: Whether the broker keeps it for those who come later.
        qos: 0 or 1.
    """

    topic: str
    payload: bytes
    retain: bool = False
    qos: int = 1


class Broker:
    """A connection.

    Args:
        access: Where to, and as whom.
        client: Name of the client; the broker throws out another one of the same name.
        will: What the broker publishes when the connection is lost.
        hear: What to call with the messages of which topics (`+` and `#` as in MQTT); in a thread of its own.
        lost: Called when the connection is lost.
        session: Whether the broker keeps what comes while this client is away.

    Raises:
        OSError: If there is no broker, or it refuses.
        NodeError: If paho-mqtt is not installed, or a file that it needs cannot be read.
    """

    def __init__(
        self,
        access: Access,
        client: str,
        *,
        will: Publication | None = None,
        hear: Mapping[str, Hear] | None = None,
        lost: Callable[[], None] | None = None,
        session: bool = False,
    ) -> None:
        self._access, self._lost, self._left = access, lost, False
        self._known, self._said = threading.Event(), ""
        self._topics = [*(hear or {})]
        self._client = _client(client, session=session)
        if will:
            self._client.will_set(will.topic, will.payload, will.qos, will.retain)
        self._identify()
        self._client.on_connect, self._client.on_disconnect = self._connected, self._disconnected
        for topic, heard in (hear or {}).items():
            self._client.message_callback_add(topic, _hearing(heard))
        try:
            self._connect()
            if self._topics:
                self._subscribe(self._topics)
        except BaseException:
            self.leave()
            raise

    def publish(self, items: Sequence[Publication]) -> None:
        """Publish, in order, and wait until the broker has said that it has what it must say that of.

        Raises:
            ConnectionError: If it does not say so in time.
        """
        sent = [self._client.publish(one.topic, one.payload, one.qos, one.retain) for one in items]
        until = time.monotonic() + self._access.timeout
        for info in sent:
            try:
                while not info.is_published() and self.alive and time.monotonic() < until:
                    info.wait_for_publish(0.5)
                done = info.is_published()
            except (RuntimeError, ValueError) as error:
                raise ConnectionError(f"{self._access.url} did not take a message: {error}") from error
            if not done:
                raise ConnectionError(f"{self._access.url} did not acknowledge within {self._access.timeout:g} s")

    def settle(self) -> None:
        """Wait until the broker has read all that was published without an acknowledgement.

        It reads a connection in order: when it answers a subscription, here one that it has already, it has read what
        came before.

        Raises:
            ConnectionError: If it does not answer in time.
        """
        self._subscribe(self._topics[:1])

    @property
    def alive(self) -> bool:
        """Whether the connection stands."""
        return self._client.is_connected()

    def check(self) -> None:
        """See that the connection stands.

        Raises:
            ConnectionError: If it does not.
        """
        if not self.alive:
            raise ConnectionError(f"{self._access.url} has closed the connection{self._said and f': {self._said}'}")

    def leave(self) -> None:
        """Close it; the broker then publishes no will."""
        self._left = True
        self._client.disconnect()
        self._client.loop_stop()

    def _connect(self) -> None:
        access = self._access
        try:
            self._client.connect(access.host, access.port, access.keepalive)
        except OSError as error:
            raise ConnectionError(f"{access.url} cannot be reached: {error.strerror or error}") from error
        self._client.loop_start()
        if not self._known.wait(access.timeout):
            raise ConnectionError(f"{access.url} did not answer within {access.timeout:g} s")
        if self._said:
            raise ConnectionError(f"{access.url} refused: {self._said}")

    def _subscribe(self, topics: Sequence[str]) -> None:
        done, refused = threading.Event(), list[str]()

        def subscribed(_: Client, __: Any, ___: int, codes: Sequence[Any], ____: Any) -> None:
            refused.extend(topic for topic, code in zip(topics, codes, strict=False) if code.is_failure)
            done.set()

        self._client.on_subscribe = subscribed
        self._client.subscribe([(topic, 1) for topic in topics])
        if not done.wait(self._access.timeout):
            raise ConnectionError(f"{self._access.url} did not answer within {self._access.timeout:g} s")
        if refused:
            raise ConnectionError(f"{self._access.url} refused to let us subscribe to {', '.join(refused)}")

    def _identify(self) -> None:
        access = self._access
        try:
            if access.user:
                password = Path(access.password_file).read_text(encoding="utf-8").partition("\n")[0]
                self._client.username_pw_set(access.user, password if access.password_file else None)
            if access.secure:
                self._client.tls_set(ca_certs=access.ca or None)
        except OSError as error:
            raise NodeError(f"{access.url}: cannot read {error.filename}: {error.strerror}") from error

    def _connected(self, _: Client, __: Any, ___: Any, code: Any, ____: Any) -> None:
        self._said = str(code) if code.is_failure else ""
        self._known.set()

    def _disconnected(self, _: Client, __: Any, ___: Any, code: Any, ____: Any) -> None:
        self._said = self._said or str(code)
        self._known.set()
        if self._lost and not self._left:
            self._lost()


def name(text: str) -> str:
    """A name as one level of a topic: what MQTT gives a meaning of its own becomes `_`."""
    return text.translate({ord(each): "_" for each in "/+#\0"})


def _hearing(heard: Hear) -> Callable[[Client, Any, MQTTMessage], None]:
    return lambda _, __, message: heard(message.topic, bytes(message.payload))


def _client(client: str, *, session: bool) -> Client:
    try:
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion
    except ImportError as error:
        raise NodeError("MQTT needs paho-mqtt, which is not installed: pip install 'kensa[mqtt]'") from error
    made = Client(CallbackAPIVersion.VERSION2, client, clean_session=not session, reconnect_on_failure=False)
    made.max_inflight_messages_set(100)
    return made
