"""From signals to quality, breaths, desaturations and respiratory events."""
