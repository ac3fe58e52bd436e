"""Measurements of accuracy, speed and memory; run from the project's folder."""
