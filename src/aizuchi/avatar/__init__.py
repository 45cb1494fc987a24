"""Animators: a sentence and its sound become cues for a face and a body."""
