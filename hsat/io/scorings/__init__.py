"""Scorings in and out: a file of any known format to one `hsat.scorings.Scoring`, and back."""

from hsat.io.scorings.reading import FORMATS, ScoringFormat, read_scoring, read_scoring_pair

__all__ = ["FORMATS", "ScoringFormat", "read_scoring", "read_scoring_pair"]
