"""What is told of a server over HTTP: by one process of itself, or by one of several of them all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aizuchi.server.house import House


async def health(house: House) -> dict[str, Any]:
    """What `GET /health` says. With siblings the sessions and who is in the hub are those of all, and
    `workers` lists them.

    The status is that of whoever answers; one that is silent or still starting shows in the list.
    """
    said = house.health()
    if house.siblings is None:
        return said
    others = await house.siblings.gather("health")
    workers = [
        {"worker": each["worker"], "status": theirs["status"], "sessions": theirs["sessions"]}
        if (theirs := each.get("health"))
        else {"worker": each["worker"], "status": "silent", "sessions": 0}
        for each in others
    ]
    own = house.siblings.number
    workers.append({"worker": own, "status": said["status"], "sessions": said["sessions"]})
    workers.sort(key=lambda each: each["worker"])
    hubs = [said["hub"], *(each["health"]["hub"] for each in others if each.get("health"))]
    return {
        **said,
        "sessions": sum(each["sessions"] for each in workers),
        "hub": {what: sum(each[what] for each in hubs) for what in said["hub"]},
        "workers": workers,
    }


async def sessions(house: House) -> list[dict[str, Any]]:
    """All sessions, with the person whose they are."""
    own = house.about_sessions()
    others = await house.siblings.gather("sessions") if house.siblings is not None else []
    return own + [each for theirs in others for each in theirs.get("sessions", ())]


async def metrics(house: House) -> dict[str, Any]:
    """The summary over the turns of all processes."""
    if house.siblings is None or house.parcel is None or house.merge is None:
        return dict(house.summary()) if house.summary is not None else {}
    others = await house.siblings.gather("metrics")
    return house.merge([house.parcel(), *(each["metrics"] for each in others if each.get("metrics"))])
