"""What independent libraries read in what we send; runs in `.venv-judges`, with its question on standard input."""

from __future__ import annotations

import base64
import json
import sys
from typing import Any


def webhook(asked: dict[str, Any]) -> dict[str, Any]:
    """A post, checked by standardwebhooks and read by cloudevents."""
    from cloudevents.core.bindings.http import HTTPMessage, from_http_event
    from cloudevents.core.formats.json import JSONFormat
    from standardwebhooks.webhooks import Webhook

    body = asked["body"].encode()
    told = Webhook(asked["secret"]).verify(body, asked["headers"])
    event = from_http_event(HTTPMessage(asked["headers"], body), JSONFormat())
    assert event.get_time().isoformat() == told["time"].replace("Z", "+00:00")
    names = {"id": event.get_id(), "source": event.get_source(), "type": event.get_type()}
    more = {name: event.get_extension(name) for name in ("stream", "sequence")}
    return names | more | {"seq": told["data"]["seq"]}


def sparkplug(asked: dict[str, Any]) -> list[dict[str, Any]]:
    """Payloads, read by pysparkplug: each with what its kind promises."""
    import pysparkplug

    kinds = {
        "NBIRTH": pysparkplug.NBirth, "NDATA": pysparkplug.NData, "NDEATH": pysparkplug.NDeath,
        "DBIRTH": pysparkplug.DBirth, "DDATA": pysparkplug.DData,
    }  # fmt: skip
    found = []
    for topic, data in asked["messages"]:
        payload = kinds[topic.split("/")[2]].decode(base64.b64decode(data))
        metrics = getattr(payload, "metrics", None) or (payload.bd_seq_metric,)
        said = {
            each.name: [each.datatype.name, each.value, each.is_historical, each.is_null, each.timestamp]
            for each in metrics
        }
        found.append({"topic": topic, "seq": getattr(payload, "seq", None), "metrics": said})
    return found


if __name__ == "__main__":
    json.dump({"webhook": webhook, "sparkplug": sparkplug}[sys.argv[1]](json.load(sys.stdin)), sys.stdout)
