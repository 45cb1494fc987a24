"""The bitnp relay: agents and pages that meet under a name, and what they say to each other.

It is no conversation of ours: events pass through as they came and never touch the engine. An agent may
also live in this process (`Resident`), for a name that no outside agent holds. The protocol is written
down in docs/wire/bitnp.md.
"""
