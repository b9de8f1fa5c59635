"""The OPC UA server, asked by the library's own client: results, states, alarms, who may act, what is never lost."""

from __future__ import annotations

import asyncio
import json
import queue
import subprocess
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest

from nodes.delivery.channel import Receipt
from nodes.delivery.following import Follower
from nodes.delivery.line import entry
from nodes.delivery.outbox import Outbox
from nodes.opcua.channel import Ua
from nodes.opcua.server import Setting
from nodes.opcua.space import OURS, RESULT, URI
from nodes.sinks.events import event
from pipeline.clock import line_time
from pipeline.errors import NodeError
from pipeline.line import Standing
from pipeline.notices import board
from pipeline.orders import Answer, Order
from tests.edges import free_port
from tests.nodes.alarming import World, order, verdict

ua_module = pytest.importorskip("asyncua", reason="needs asyncua: pip install 'kensa[opcua]'")
ua = ua_module.ua
get_filter_from_event_type = pytest.importorskip("asyncua.common.events").get_filter_from_event_type
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
LINE = "plates"


@pytest.fixture(scope="module", autouse=True)
def quick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The standard address space is made once, as the library makes it; servers after the first get a copy of it."""
    from asyncua.server.internal_server import InternalServer

    real, kept = InternalServer.load_standard_address_space, tmp_path_factory.mktemp("space") / "space"

    async def load(server: Any, shelf: Path | None = None) -> None:
        if kept.exists():
            server.load_address_space(kept)
        else:
            await real(server, shelf)
            server.dump_address_space(kept)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(InternalServer, "load_standard_address_space", load)
        yield


class Asking:
    """The line: it stands as the test says, and its alarms are those of a keeper."""

    def __init__(self, world: World) -> None:
        self.world, self.faults = world, tuple[str, ...]()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        pass

    def stands(self) -> Standing:
        """It runs."""
        return Standing(line=LINE, host="h", phase="running", since_ns=0, faults=self.faults)

    def give(self, order: Order | None) -> list[Answer]:
        """Have it done."""
        return [self.world.keeper.answer(order)]


class Listener:
    """Whom the channel tells what comes back."""

    def __init__(self) -> None:
        self.receipts: list[Receipt] = []

    def wake(self) -> None:
        """Nothing waits here."""

    def receive(self, receipt: Receipt) -> None:
        """A receipt."""
        self.receipts.append(receipt)


class Plant:
    """A line with alarms, an outbox, and a server that tells what is in it.

    Attributes:
        sent: The number of the last message that was handed over.
    """

    def __init__(self, folder: Path, **secured: Any) -> None:
        self.folder, self.port = folder, free_port()
        self.world = World(folder)
        self.asking, self.listener = Asking(self.world), Listener()
        tokens = folder / "tokens"
        tokens.write_text("# who may act\nanna sesame-street\n")
        tokens.chmod(0o600)
        endpoint = f"opc.tcp://127.0.0.1:{self.port}/kensa"
        self.setting = Setting(endpoint=endpoint, line=LINE, tokens=str(tokens), **secured)
        self.sent = 0
        self.begin()

    def begin(self) -> None:
        """Start, or start again after a crash."""
        self.outbox = Outbox(self.folder / "ua.outbox", 1000)
        self.channel = Ua(self.setting, lambda: Outbox(self.folder / "ua.outbox", 1000), lambda: self.asking)
        self.channel.open(self.outbox, self.listener, 0)

    def end(self) -> None:
        """Stop."""
        self.channel.close(ended=True)
        self.outbox.close()

    def hear(self, *records: Any) -> None:
        """Verdicts come: to alarms and to the outbox."""
        self.world.keeper.hear(records)
        self.outbox.append([entry(record) for record in records])
        self.tell()

    def tell(self, history: int = 0) -> None:
        """Hand over what is new."""
        with contextmanager(follower)(self) as following:
            following.look()
        messages = self.outbox.read(self.sent, 1000)
        self.channel.deliver(messages, history)
        self.sent = messages[-1].sequence if messages else self.sent


def follower(plant: Plant) -> Iterator[Follower]:
    """What copies the steps of alarms into the outbox."""
    outbox = Outbox(plant.folder / "ua.outbox", 1000)
    yield Follower(plant.folder / "events.jsonl", outbox, lambda: None)
    outbox.close()


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Plant]:
    """A line that runs."""
    made = Plant(tmp_path)
    yield made
    made.end()


class Seen:
    """What a client's subscription has got."""

    def __init__(self) -> None:
        self.events: queue.Queue[Any] = queue.Queue()

    def event_notification(self, event: Any) -> None:
        """One came."""
        self.events.put(event)


def patient(endpoint: str) -> Any:
    """The library's client, which shares the machine with the server and with other tests: it gives both their time."""
    return ua_module.Client(endpoint, timeout=60, watchdog_intervall=60)


@asynccontextmanager
async def client(plant: Plant, *, name: str = "", token: str = "") -> AsyncIterator[Any]:
    """The library's client."""
    made = patient(plant.setting.endpoint)
    if name:
        made.set_user(name)
        made.set_password(token)
    async with made:
        yield made


def place(path: str, index: int = 2) -> Any:
    """The id of a node below the line."""
    return ua.NodeId(f"{LINE}.{path}", index)


def ask(does: Callable[[Any], Any], plant: Plant, **who: str) -> Any:
    """Do something as a client."""

    async def run() -> Any:
        async with client(plant, **who) as found:
            return await does(found)

    return asyncio.run(run())


async def read(found: Any, path: str) -> Any:
    """A variable's value."""
    value = await found.get_node(place(path)).read_value()
    return value.Text if isinstance(value, ua.LocalizedText) else value


def test_a_client_browses_results_recipe_and_state(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the names of OPC 40100-1, from the Objects folder down."""
    plant.hear(verdict(1), verdict(2, "PASS", camera="cam-2"))

    async def look(found: Any) -> None:
        index = await found.get_namespace_index(URI)
        results = await found.nodes.objects.get_child(
            [f"{index}:{name}" for name in (LINE, "ResultManagement", "Results", "cam-1", "PartId")]
        )
        assert await results.read_value() == "1"
        assert await read(found, "ResultManagement.Results.cam-1.Outcome") == "FAIL"
        assert await read(found, "ResultManagement.Results.cam-1.Reasons") == ["HOLE"]
        assert await read(found, "ResultManagement.Results.cam-1.Sequence") == 1
        content = json.loads(await read(found, "ResultManagement.Results.cam-2.ResultContent"))
        assert content["outcome"] == "PASS"
        assert await read(found, "RecipeManagement.Recipes.cam-1.ExternalRecipeId") == "brackets"
        assert await read(found, "VisionStateMachine.CurrentState") == "Operational"
        assert await read(found, "VisionStateMachine.AutomaticMode.CurrentState") == "ContinuousExecution"
        with pytest.raises(ua.UaStatusCodeError):
            await found.get_node(place("ResultManagement.Results.cam-1.Outcome")).write_value("PASS")

    ask(look, plant)
    plant.asking.faults = ("process rules is stalled",)
    monkeypatch.setattr("nodes.opcua.channel.LOOK_S", 0.0)
    plant.channel.tend()

    async def fault(found: Any) -> None:
        assert await read(found, "VisionStateMachine.CurrentState") == "Error"
        assert await read(found, "VisionStateMachine.Faults") == ["process rules is stalled"]

    ask(fault, plant)


def test_a_subscriber_gets_every_verdict_and_every_step(plant: Plant) -> None:
    """With the ids that events have everywhere; a client that comes is told of alarms by ConditionRefresh."""
    seen = Seen()

    async def look(found: Any) -> None:
        index = await found.get_namespace_index(URI)
        kind = await found.nodes.base_event_type.get_child(f"{index}:ResultReadyEventType")
        subscription = await found.create_subscription(50, seen)
        asked = await get_filter_from_event_type([kind, found.get_node(ua.ObjectIds.AlarmConditionType)])
        asked.SelectClauses += [
            ua.SimpleAttributeOperand(
                TypeDefinitionId=ua.NodeId(ua.ObjectIds.AlarmConditionType),
                BrowsePath=[ua.QualifiedName(name, index)],
                AttributeId=ua.AttributeIds.Value,
            )
            for name in OURS
        ]
        await subscription.subscribe_events(evfilter=asked)
        await asyncio.to_thread(plant.hear, verdict(1), verdict(2), verdict(3))
        events.extend([await asyncio.to_thread(seen.events.get, timeout=60) for _ in range(4)])
        await found.get_node(ua.ObjectIds.ConditionType).call_method(
            ua.NodeId(ua.ObjectIds.ConditionType_ConditionRefresh),
            ua.Variant(subscription.subscription_id, ua.VariantType.UInt32),
        )
        again.append(await asyncio.to_thread(seen.events.get, timeout=60))

    events: list[Any] = []
    again: list[Any] = []
    ask(look, plant)
    told = {one.EventId.hex(): one for one in events}
    steps = plant.world.steps()
    assert {message.entry.id for message in plant.outbox.read(0, 100)} == {*told}
    alarm = told[steps[0].id]
    assert (alarm.ConditionName, alarm.Severity, alarm.Retain) == ("bad@cam-1", 700, True)
    assert (getattr(alarm, "ActiveState/Id"), getattr(alarm, "AckedState/Id")) == (True, False)
    assert again[0].EventId.hex() == steps[0].id
    assert [getattr(alarm, name) for name in OURS] == [
        "The gripper is worn.", "Bad parts reach the customer.", "Stop the feeder and look at the gripper.",
        "http://line/cam-1/s/3?part=3",
    ]  # fmt: skip
    results = [one for one in events if hasattr(one, "PartId") and one.PartId]
    assert [one.PartId for one in results] == ["1", "2", "3"]


async def call(found: Any, path: str, method: Any, *given: Any) -> None:
    """Call a method of a type on an object, as clients do."""
    await found.get_node(place(path)).call_method(ua.NodeId(method), *given)


def acknowledging(event: str, alarm: str = "bad@cam-1", comment: str = "on my way") -> Callable[[Any], Any]:
    """Acknowledge an event of an alarm."""
    given = (ua.Variant(bytes.fromhex(event), ua.VariantType.ByteString), ua.LocalizedText(comment))
    method = ua.ObjectIds.AcknowledgeableConditionType_Acknowledge
    return lambda found: call(found, f"Alarms.{alarm}", method, *given)


def refused(plant: Plant, does: Callable[[Any], Any], why: str, **who: str) -> None:
    """It is not done, and that is why."""
    with pytest.raises(ua.UaStatusCodeError) as error:
        ask(does, plant, **who)
    assert error.value.code == getattr(ua.StatusCodes, why)


ANNA = {"name": "anna", "token": "sesame-street"}


def test_who_has_a_token_acknowledges_and_shelves(plant: Plant) -> None:
    """Under the name it has, in the same journal as everybody; nobody else does anything."""
    plant.hear(verdict(1), verdict(2), verdict(3))
    (raised,) = [one.id for one in plant.world.steps()]
    refused(plant, acknowledging(raised), "BadUserAccessDenied")
    refused(plant, acknowledging("00" * 16), "BadEventIdUnknown", **ANNA)
    refused(plant, acknowledging(raised), "BadUserAccessDenied", name="anna", token="wrong-guess")
    ask(acknowledging(raised), plant, **ANNA)
    refused(plant, acknowledging(raised), "BadConditionBranchAlreadyAcked", **ANNA)
    shelf = "Alarms.bad@cam-1.ShelvingState"
    timed, unshelve = ua.ObjectIds.ShelvedStateMachineType_TimedShelve, ua.ObjectIds.ShelvedStateMachineType_Unshelve
    refused(plant, lambda found: call(found, shelf, timed, 1e12), "BadShelvingTimeOutOfRange", **ANNA)
    ask(lambda found: call(found, shelf, timed, 600_000.0), plant, **ANNA)
    plant.tell()

    async def look(found: Any) -> tuple[Any, ...]:
        names = ("SuppressedOrShelved", "AckedState.Id", "ClientUserId", "ShelvingState.CurrentState")
        return tuple([await read(found, f"Alarms.bad@cam-1.{name}") for name in names])

    assert ask(look, plant) == (True, True, "anna", "TimedShelved")
    ask(lambda found: call(found, shelf, unshelve), plant, **ANNA)
    refused(plant, lambda found: call(found, shelf, unshelve), "BadConditionNotShelved", **ANNA)
    orders = [(row.order.verb, bool(row.refused)) for row in plant.world.rows() if row.order]
    assert orders == [
        ("acknowledge", False), ("acknowledge", True), ("shelve", True), ("shelve", False), ("unshelve", False),
        ("unshelve", True),
    ]  # fmt: skip
    assert plant.world.rows()[1].order == order(
        "acknowledge", login="opcua", reason="on my way", occurrence=plant.world.steps()[0].after.occurrence
    )


def test_comments_are_heard_wherever_a_method_takes_one(plant: Plant) -> None:
    """Beside the alarm, as the reason of a shelf, and in the journal; how long it is hidden yet can be read."""
    plant.hear(verdict(1), verdict(2), verdict(3))
    event = ua.Variant(bytes.fromhex(plant.world.steps()[0].id), ua.VariantType.ByteString)
    alarm, shelf = "Alarms.bad@cam-1", "Alarms.bad@cam-1.ShelvingState"
    add, timed = ua.ObjectIds.ConditionType_AddComment, ua.ObjectIds.ShelvedStateMachineType_TimedShelve2
    note, none = ua.LocalizedText("new gripper ordered"), ua.LocalizedText("")
    unknown = ua.Variant(b"\0" * 16, ua.VariantType.ByteString)
    refused(plant, lambda found: call(found, alarm, add, event, note), "BadUserAccessDenied")
    refused(plant, lambda found: call(found, alarm, add, unknown, note), "BadEventIdUnknown", **ANNA)
    ask(lambda found: call(found, alarm, add, event, none), plant, **ANNA)
    ask(lambda found: call(found, alarm, add, event, note), plant, **ANNA)
    ask(lambda found: call(found, shelf, timed, 600_000.0, ua.LocalizedText("trial")), plant, **ANNA)
    plant.tell()
    orders = [(row.order.verb, row.order.by, row.order.reason) for row in plant.world.rows() if row.order]
    assert orders == [("comment", "anna", "new gripper ordered"), ("shelve", "anna", "trial")]

    async def look(found: Any) -> tuple[Any, ...]:
        names = ("Comment", "ClientUserId", "AckedState.Id", "ShelvingState.UnshelveTime")
        return tuple([await read(found, f"{alarm}.{name}") for name in names])

    comment, by, acked, left = ask(look, plant)
    assert (comment, by, acked) == ("trial", "anna", False)
    shelved = plant.world.keeper.alarms["bad@cam-1"].shelved
    assert shelved is not None
    assert left == pytest.approx(max(0.0, (shelved.until_ns - line_time.now_ns()) / 1e6), abs=60_000)


def test_a_result_is_fetched_by_its_id(plant: Plant) -> None:
    """With the members that its node has, also when it is not the newest; an id that nobody knows is an error."""
    plant.hear(verdict(1), verdict(2, "PASS"))
    name = event(verdict(1)).id

    async def fetch(found: Any, wanted: str) -> Any:
        node, method = found.get_node(place("ResultManagement")), place("ResultManagement.GetResultById")
        return await node.call_method(method, wanted, ua.Variant(0, ua.VariantType.Int32))

    handle, told, error = ask(lambda found: fetch(found, name), plant)
    result = json.loads(told)
    assert (handle, error, {*result}) == (0, 0, {*RESULT})
    assert (result["ResultId"], result["PartId"], result["IsSimulated"]) == (name, "1", False)
    assert ask(lambda found: fetch(found, "0" * 32), plant) == [0, "", -1]


def keyed(folder: Path, name: str) -> tuple[str, str]:
    """A certificate of its own and its key, as docs/plant.md makes them."""
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "365", "-subj", f"/CN={name}"]
    made += ["-addext", f"subjectAltName=URI:urn:kensa:{name},IP:127.0.0.1"]
    made += ["-addext", "keyUsage=digitalSignature,nonRepudiation,keyEncipherment,dataEncipherment"]
    made += ["-keyout", f"{name}.key", "-out", f"{name}.pem"]
    subprocess.run(made, cwd=folder, check=True, capture_output=True)
    return str(folder / f"{name}.pem"), str(folder / f"{name}.key")


@pytest.mark.parametrize("policy", ["Basic256Sha256", "Aes256Sha256RsaPss"])
def test_with_a_certificate_everything_is_signed_and_encrypted(tmp_path: Path, policy: str) -> None:
    """A client with a certificate of its own reads and acts; one without is not let in, and no token is on the wire."""
    from asyncua.crypto import security_policies
    from asyncua.crypto.uacrypto import CertProperties

    certificate, key = keyed(tmp_path, LINE)
    mine, my_key = keyed(tmp_path, "mes")
    plant = Plant(tmp_path, certificate=certificate, private_key=key)
    try:
        plant.hear(verdict(1), verdict(2), verdict(3))
        with pytest.raises((ua.UaError, OSError)):
            ask(lambda found: read(found, "VisionStateMachine.CurrentState"), plant)

        async def act() -> tuple[Any, ...]:
            made = patient(plant.setting.endpoint)
            made.application_uri = "urn:kensa:mes"
            made.set_user(ANNA["name"])
            made.set_password(ANNA["token"])
            kind = getattr(security_policies, f"SecurityPolicy{policy}")
            await made.set_security(
                kind,
                mine,
                CertProperties(my_key, "pem"),
                server_certificate=certificate,
                mode=ua.MessageSecurityMode.SignAndEncrypt,
            )
            async with made:
                await acknowledging(plant.world.steps()[0].id)(made)
                return await read(made, "ResultManagement.Results.cam-1.PartId"), made.security_policy.URI

        part, used = asyncio.run(act())
        assert (part, used.rpartition("#")[2].replace("_", "")) == ("3", policy)
        assert [row.order.by for row in plant.world.rows() if row.order] == ["anna"]
    finally:
        plant.end()


def test_a_certificate_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    """With both files, and why."""
    certificate, key = keyed(tmp_path, LINE)
    (tmp_path / "other.key").write_text("no key at all")
    setting = Setting(
        endpoint=f"opc.tcp://127.0.0.1:{free_port()}/kensa", line=LINE, certificate=certificate,
        private_key=str(tmp_path / "other.key"),
    )  # fmt: skip
    assert key
    channel = Ua(setting, lambda: Outbox(tmp_path / "o", 10), lambda: None)
    with pytest.raises(NodeError, match=f"opcua: cannot use {certificate} with {tmp_path}/other.key: "):
        channel.open(Outbox(tmp_path / "o", 10), Listener(), 10)


def test_tokens_that_others_can_read_let_nobody_in(plant: Plant) -> None:
    """And a notice says so."""
    plant.hear(verdict(1), verdict(2), verdict(3))
    (plant.folder / "tokens").chmod(0o644)
    refused(plant, acknowledging(plant.world.steps()[0].id), "BadUserAccessDenied", **ANNA)
    (notice,) = [one for one in board.read() if one.key.startswith("opcua ")]
    assert notice.text.endswith(f"cannot be used: others may read it; chmod 600 {plant.folder / 'tokens'}")
    board.settle(notice.key)


def test_after_a_restart_clients_first_see_how_things_are(plant: Plant) -> None:
    """The newest of each camera and alarm, also where what came before is told only now; then all that was missed."""
    plant.hear(verdict(1), verdict(2), verdict(3))
    plant.end()
    plant.world.keeper.hear([verdict(4, "PASS")])
    outbox = Outbox(plant.folder / "ua.outbox", 1000)
    outbox.append([entry(verdict(4, "PASS"))])
    outbox.close()
    plant.begin()

    async def look(found: Any) -> tuple[Any, ...]:
        names = ("ResultManagement.Results.cam-1.PartId", "ResultManagement.Results.cam-1.Outcome")
        return tuple([await read(found, name) for name in names])

    assert ask(look, plant) == ("4", "PASS")
    plant.channel.deliver(plant.outbox.read(0, 2), 5)  # old ones come after the newest
    assert ask(look, plant) == ("4", "PASS")

    async def fetch(found: Any) -> Any:
        node, method = found.get_node(place("ResultManagement")), place("ResultManagement.GetEvents")
        got, last = [], 0
        while True:
            number, most = ua.Variant(last, ua.VariantType.UInt64), ua.Variant(2, ua.VariantType.UInt32)
            stream, told = await node.call_method(method, number, most)
            got += [json.loads(one) for one in told]
            if not told:
                return stream, got
            last = int(got[-1]["sequence"])

    stream, got = ask(fetch, plant)
    assert stream == plant.outbox.stream
    assert [int(one["sequence"]) for one in got] == [*range(1, plant.outbox.last + 1)]
    assert [one["data"]["part"] for one in got if one["type"] == "kensa.verdict"] == [1, 2, 3, 4]


def test_a_consumer_acknowledges_what_it_has(plant: Plant) -> None:
    """Who has a token does; the dispatcher is told."""
    plant.hear(verdict(1))

    async def confirm(found: Any) -> None:
        method = place("ResultManagement.AcknowledgeResults")
        number = ua.Variant(1, ua.VariantType.UInt64)
        await found.get_node(place("ResultManagement")).call_method(method, "mes", plant.outbox.stream, number, False)

    refused(plant, confirm, "BadUserAccessDenied")
    ask(confirm, plant, **ANNA)
    assert plant.listener.receipts == [Receipt("mes", plant.outbox.stream, 1, again=False)]


def test_a_port_that_is_taken_is_tried_again(plant: Plant, tmp_path: Path) -> None:
    """It is told as what does not answer, not as an end."""
    other = Ua(plant.setting, lambda: Outbox(tmp_path / "other", 10), lambda: None)
    with pytest.raises(OSError, match=r"[Aa]ddress already in use"):
        other.open(plant.outbox, plant.listener, 0)
    other.close(ended=True)


def test_two_operators_at_once(plant: Plant) -> None:
    """One acknowledges, the other hears that it is done; both stand in the journal."""
    (plant.folder / "tokens").write_text("anna sesame-street\nben bens-own-token\n")
    plant.hear(verdict(1), verdict(2), verdict(3))
    does, said = acknowledging(plant.world.steps()[0].id), list[str]()

    def act(**who: str) -> None:
        try:
            ask(does, plant, **who)
            said.append("Good")
        except ua.UaStatusCodeError as error:
            said.append(ua.StatusCode(error.code).name)

    threads = [threading.Thread(target=act, kwargs=who) for who in (ANNA, {"name": "ben", "token": "bens-own-token"})]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(said) == ["BadConditionBranchAlreadyAcked", "Good"]
    assert sorted(row.order.by for row in plant.world.rows() if row.order) == ["anna", "ben"]


def test_without_the_library_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As every node does."""
    import sys

    monkeypatch.setitem(sys.modules, "asyncua", None)
    setting = Setting(endpoint=f"opc.tcp://127.0.0.1:{free_port()}/kensa", line=LINE)
    channel = Ua(setting, lambda: Outbox(tmp_path / "o", 10), lambda: None)
    with pytest.raises((NodeError, ImportError), match=r"asyncua|pip install 'kensa\[opcua\]'"):
        channel.open(Outbox(tmp_path / "o", 10), Listener(), 0)
