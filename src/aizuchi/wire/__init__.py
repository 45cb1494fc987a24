"""Wire protocols without input or output: messages become events, entries become messages."""
