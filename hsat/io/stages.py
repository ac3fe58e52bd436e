"""What files call the stages of sleep."""

from hsat.hypnogram import SleepStage

__all__ = ["STAGE_WORDS", "find_stage"]

STAGE_WORDS: dict[SleepStage, tuple[str, ...]] = {
    SleepStage.WAKE: ("w", "wake", "awake", "s0", "0"),
    SleepStage.N1: ("n1", "nrem1", "nrem 1", "s1", "1"),
    SleepStage.N2: ("n2", "nrem2", "nrem 2", "s2", "2"),
    SleepStage.N3: ("n3", "nrem3", "nrem 3", "n4", "nrem4", "nrem 4", "s3", "s4", "3", "4"),
    SleepStage.REM: ("r", "rem", "5"),
    SleepStage.SLEEP: ("sleep", "asleep"),
    SleepStage.UNKNOWN: (
        "?",
        "unknown",
        "unscored",
        "not scored",
        "undefined",
        "m",
        "mt",
        "movement",
        "movement time",
        "a",
        "artifact",
        "artefact",
        "-1",
        "6",
        "9",
    ),
}
"""Stage to the words for it, lower case, without a "sleep stage" in front.

AASM writes W, N1, N2, N3, R; Rechtschaffen and Kales W, S1 to S4, REM, MT (movement time), of which
S3 and S4 are N3 (Berry 2012); EDF+ "Sleep stage W" to "Sleep stage R", "Sleep stage ?" and
"Movement time". Numbers are 0 wake, 1 to 4 as S1 to S4, 5 REM; 6 movement, 9 and -1 not scored, as
the exports of the National Sleep Research Resource have them.
"""

PREFIXES = ("sleep stage", "stage")
_BY_WORD = {word: stage for stage, words in STAGE_WORDS.items() for word in words}


def find_stage(text: str) -> SleepStage | None:
    """The stage that a word names; None where it names none.

    Parameters
    ----------
    text : str
        As a file has it: ``"Sleep stage 2"``, ``"N2"``, ``"rem"``, ``"5"``.

    Returns
    -------
    SleepStage or None
    """
    word = " ".join(text.lower().replace("_", " ").split())
    for prefix in PREFIXES:
        if word.startswith(prefix):
            word = word[len(prefix) :].strip()
            break
    return _BY_WORD.get(word)
