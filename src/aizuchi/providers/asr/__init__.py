"""Recognisers: sound in, text out."""
