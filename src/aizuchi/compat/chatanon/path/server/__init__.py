"""ChatAnon's package of this name, as far as service files use it."""
