"""Voices made from a recording: the sample, and the vendors that take one."""
