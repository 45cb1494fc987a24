"""ChatAnon's server by its own names: `server.main:app` and `python -m server.main`, in its own folder.

    eval "$(python -m aizuchi.compat.chatanon)"

puts `path/` where Python and uvicorn look first. Then ChatAnon's service files start us.
"""
