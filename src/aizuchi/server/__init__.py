"""The only owner of sockets: it moves bytes between clients and the engine."""
