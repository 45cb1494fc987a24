"""The one tool that is always there: what time it is."""

from __future__ import annotations

import zoneinfo
from collections.abc import Callable
from datetime import datetime

from aizuchi.errors import ToolError
from aizuchi.tools.toolbox import Tool, describe


def current_time_tool(
    default_zone: str = "", now: Callable[[], datetime] = lambda: datetime.now().astimezone()
) -> Tool:
    """The tool `current_time`.

    `default_zone` is an IANA name used when the model asks for none; empty means the machine's own.
    `now` gives an aware datetime. Raises ToolError for a zone nobody knows.
    """

    def current_time(timezone: str = "") -> str:
        """Tell the present date, weekday and time of day.

        timezone: IANA name such as Asia/Tokyo, or a large city; empty for where the user is
        """
        moment = now()
        zone = timezone.strip() or default_zone
        if zone:
            moment = moment.astimezone(find_zone(zone))
        offset = moment.strftime("%z")
        place = f"{zone_name(moment, zone)}, " if zone_name(moment, zone) else ""
        return f"{moment:%A}, {moment:%Y-%m-%d}, {moment:%H:%M} ({place}UTC{offset[:3]}:{offset[3:5]})"

    return describe(current_time, timeout=3.0)


def find_zone(name: str) -> zoneinfo.ZoneInfo:
    """A zone by its IANA name, or by its city in any spelling of case and spaces. Raises ToolError."""
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        pass
    wanted = name.casefold().replace(" ", "_")
    for zone in sorted(zoneinfo.available_timezones()):
        if zone.casefold() == wanted or zone.casefold().rpartition("/")[2] == wanted:
            return zoneinfo.ZoneInfo(zone)
    raise ToolError(f'the time zone "{name}" is unknown; give an IANA name such as Europe/Berlin')


def zone_name(moment: datetime, asked: str) -> str:
    """What to call the zone of `moment`: its IANA name, else its abbreviation."""
    if isinstance(moment.tzinfo, zoneinfo.ZoneInfo) and moment.tzinfo.key:
        return moment.tzinfo.key
    return moment.tzname() or asked
