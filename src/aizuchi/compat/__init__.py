"""The programming interfaces of the projects whose clients we serve, on top of the real thing.

Roof of the house: everything here may import everything, and nothing imports it.
"""
