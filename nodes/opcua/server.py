"""The server: a loop on a thread of its own, in which everything happens that clients can see."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from msgspec import Struct

from nodes.opcua.people import Users, internal
from pipeline.errors import NodeError

if TYPE_CHECKING:
    from asyncua import Server

# A small computer that has much to do reads the standard address space for long, and then answers late.
START_S, ANSWER_S = 300.0, 30.0
T = TypeVar("T")


class Setting(Struct, frozen=True, kw_only=True):
    """Where a server listens, and whom it trusts.

    Attributes:
        endpoint: `opc.tcp://address:port/…`.
        line: Name of the line, as clients see it.
        tokens: File of who may act; None where nobody may.
        certificate: Its certificate, DER or PEM; with it and `private_key` everything is encrypted.
        private_key: See there.
        simulated: What it tells of is no production.
    """

    endpoint: str
    line: str
    tokens: str | None = None
    certificate: str | None = None
    private_key: str | None = None
    simulated: bool = False


class Loop:
    """An event loop on a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="opcua", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T], seconds: float = ANSWER_S) -> T:
        """Do something in it.

        Raises:
            OSError: If it takes longer than that.
        """
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(seconds)
        except TimeoutError:
            future.cancel()
            raise ConnectionError(f"the OPC UA server did not answer within {seconds:g} s") from None

    def end(self) -> None:
        """Stop it, and what still goes on in it."""
        with suppress(OSError):
            self.run(_settle())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class Running:
    """A server that listens until `stop`.

    Args:
        setting: Where and for whom.
        build: Makes what is to be seen, before anybody can look.

    Raises:
        OSError: If the port is taken, or the address is not this host's.
        NodeError: If asyncua is not installed, or a certificate cannot be read.
    """

    def __init__(self, setting: Setting, build: Callable[[Server], Coroutine[Any, Any, None]]) -> None:
        self._loop = Loop()
        try:
            self._server = self._loop.run(_started(setting, build), START_S)
        except BaseException:
            self._loop.end()
            raise

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something in its loop; see `Loop.run`."""
        return self._loop.run(work)

    def stop(self) -> None:
        """Say goodbye to clients and stop listening."""
        with suppress(OSError):
            self._loop.run(self._server.stop())
        self._loop.end()


async def _started(setting: Setting, build: Callable[[Server], Coroutine[Any, Any, None]]) -> Server:
    server = await _made(setting)
    await build(server)
    await server.start()
    return server


async def _made(setting: Setting) -> Server:
    try:
        from asyncua import Server, ua
    except ImportError as error:
        raise NodeError("OPC UA needs asyncua, which is not installed: pip install 'kensa[opcua]'") from error
    server = Server(iserver=internal(Users(Path(setting.tokens) if setting.tokens else None)))
    with _undisturbed():
        await server.init()
    server.set_endpoint(setting.endpoint)
    server.set_server_name(f"Kensa {setting.line}")
    await server.set_application_uri(f"urn:kensa:{setting.line}")
    tokens: list[type] = [ua.AnonymousIdentityToken]
    server.set_identity_tokens([*tokens, ua.UserNameIdentityToken] if setting.tokens else tokens)
    policies = [ua.SecurityPolicyType.NoSecurity]
    if setting.certificate and setting.private_key:
        try:
            await server.load_certificate(setting.certificate, _spelling(setting.certificate))
            await server.load_private_key(setting.private_key, format=_spelling(setting.private_key))
        except (OSError, ValueError) as error:
            raise NodeError(f"opcua: cannot use {setting.certificate} with {setting.private_key}: {error}") from error
        policies = [
            ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt,
            ua.SecurityPolicyType.Aes256Sha256RsaPss_SignAndEncrypt,
        ]
    server.set_security_policy(policies)
    return server


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Thousands of objects come, and stay: looking for garbage among them is a quarter of the work."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _spelling(path: str) -> str:
    """How a certificate or a key is written, whatever its file is called."""
    return "pem" if b"-----BEGIN" in Path(path).read_bytes() else "der"


async def _settle() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
