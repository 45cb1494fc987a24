"""The conversation itself: it knows no socket, no vendor and no file."""
