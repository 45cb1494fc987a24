"""Vendors of hearing, thinking and speaking, one file each, loaded only when they are chosen."""
