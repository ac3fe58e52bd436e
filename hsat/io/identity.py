"""Pseudonyms: a patient code becomes an HMAC under a key that never leaves the site.

The same code gives the same pseudonym for all nights at one site; without the key nobody can go
back, nor try codes. The key lies in the user's configuration folder, readable by the user alone.
"""

import os
from hashlib import blake2b
from pathlib import Path

from hsat.recording import Note

__all__ = ["CONFIG_DIR_VARIABLE", "pseudonym", "recorder_token", "site_key", "use_site_key"]

CONFIG_DIR_VARIABLE = "HSAT_CONFIG_DIR"
"""Environment variable that names the configuration folder (else the platform's own)."""

KEY_FILE = "site.key"
KEY_BYTES = 32
PSEUDONYM_DIGITS = 16
"""Hexadecimal digits shown: 64 bits, no collision among any clinic's patients."""


_given_keys: list[bytes] = []
"""The key that another process of the same site has handed on, if one has."""


def use_site_key(key: bytes | None) -> None:
    """Make pseudonyms and tokens with this key in this process, whatever its own folder holds.

    Parameters
    ----------
    key : bytes or None
        From `site_key` in the process that hands out the work: pseudonyms of one patient are the
        same then on every machine that shares the work. None: the machine's own key again.
    """
    _given_keys[:] = [] if key is None else [key]


def pseudonym(code: str | None) -> tuple[str | None, tuple[Note, ...]]:
    """Stable pseudonym of a patient code at this site.

    Parameters
    ----------
    code : str or None
        The header's patient code.

    Returns
    -------
    pseudonym : str or None
        ``"P-"`` and 16 hexadecimal digits; None without a code or without a key.
    notes : tuple of Note
        Why there is none although the file has a code.
    """
    if not code:
        return None, ()
    try:
        key = site_key()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        text = (
            "the file's patient code cannot be made a pseudonym: the site's key cannot be read or made "
            f"({reason}); set {CONFIG_DIR_VARIABLE}"
        )
        return None, (Note("no_pseudonym", text),)
    import hmac

    digest = hmac.new(key, code.encode("utf-8"), "sha256").hexdigest()
    return f"P-{digest[:PSEUDONYM_DIGITS]}", ()


def recorder_token(equipment: str) -> str:
    """Token of a recorder's own words, serial number included, from which nothing can be read.

    Parameters
    ----------
    equipment : str

    Returns
    -------
    str
        32 hexadecimal digits: the same in all processes that were given one site's key with
        `use_site_key`, otherwise in this process alone.

    Notes
    -----
    A serial number is short enough to be found by trying; under a key that stays at the site, or is
    never stored, it is not. The key is not looked for on the disk: whoever opens one file needs no
    token that lasts.
    """
    key = _given_keys[0] if _given_keys else _PROCESS_KEY
    return blake2b(equipment.encode("utf-8"), key=key, person=b"recorder", digest_size=16).hexdigest()


_PROCESS_KEY = os.urandom(KEY_BYTES)


def _config_folder() -> Path:
    folder = os.environ.get(CONFIG_DIR_VARIABLE)
    if folder:
        return Path(folder)
    import platformdirs

    return Path(platformdirs.user_config_dir("hsat", appauthor=False))


def site_key() -> bytes:
    """The site's key; made at first need.

    Written to a file of its own first and then linked into place, so that of several processes
    that start together all read the same key, and never half of one.

    Returns
    -------
    bytes

    Raises
    ------
    OSError
        Where the key can neither be read nor made.
    """
    if _given_keys:
        return _given_keys[0]
    path = _config_folder() / KEY_FILE
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = path.with_name(f"{KEY_FILE}.{os.getpid()}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(os.urandom(KEY_BYTES))
        try:
            os.link(draft, path)
        except FileExistsError:
            pass  # Another process was first: its key counts.
        finally:
            draft.unlink()
    key = path.read_bytes()
    if len(key) != KEY_BYTES:
        raise OSError(0, f"{KEY_FILE} has {len(key)} bytes, expected {KEY_BYTES}")
    return key
