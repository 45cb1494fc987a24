"""Voice activity detectors: sound in, speech scores out."""
