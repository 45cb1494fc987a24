"""Voices: a sentence in, a stream of sound out."""
