"""Folds over a timeline that show something; they never write to it."""
