"""What runs in worker processes only, through `workshop.py`. The server never imports anything of this folder."""
