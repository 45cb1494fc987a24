"""Characters that come, change and go while the house is open, as its sessions see it."""

from __future__ import annotations

from dataclasses import replace

from tests.server.fakes import FOE, HERO, linked, make_house
from tests.server.test_app import client


async def test_a_changed_character_is_met():
    """Running conversations get the changed one, others are left alone; new ones meet whoever is there."""
    bolder, fan = replace(HERO, display_name="Heroine"), replace(FOE, name="fan")
    async with (
        make_house() as house,
        client(house) as http,
        linked(house) as (_, hero, _),
        linked(house, hello={"character": "foe"}) as (_, foe, _),
    ):
        house.meet({"hero": bolder, "foe": FOE, "fan": fan})
        assert hero.character is bolder and foe.character is FOE
        names = [each["name"] for each in (await http.get("/characters")).json()["characters"]]
        assert names == ["hero", "foe", "fan"]
        assert house.display_names() == {"hero": "Heroine", "foe": "Foe", "fan": "Foe"}
        async with linked(house, hello={"character": "fan"}) as (_, third, _):
            house.meet({"hero": bolder})
            assert third.character is fan, "who is gone stays in the conversations that have it"
        assert [each["name"] for each in house.about_characters()] == ["hero"]
