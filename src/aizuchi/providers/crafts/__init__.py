"""What runs in worker processes only, through `workshop.py`; the server imports nothing of this folder."""
