"""What a user can fix: every exception here is shown as its sentence alone, without a traceback."""

from collections.abc import Iterable
from difflib import get_close_matches


class FacenasError(Exception):
    """A problem that the user can fix; the message says what must hold, what was given and what to do."""


class SettingsError(FacenasError):
    """A setting, preset or name that does not exist or has an unusable value."""


class DataError(FacenasError):
    """A data set that is missing, empty, damaged or unfit for the task."""


class NobodyUnseenError(DataError):
    """A data set with too few people that a model has not seen, to say what the model is worth."""


class ModelError(FacenasError):
    """A model or architecture file that cannot be used."""


class NotFiniteError(ModelError):
    """A network whose outputs are not finite numbers."""


class RunError(FacenasError):
    """A run folder that cannot be continued."""


class OtherDataError(RunError):
    """A run folder whose work was done on other data."""


class DivergedError(FacenasError):
    """A training run whose loss is no longer a finite number."""


class StoppedError(FacenasError):
    """A run that was asked to end, and saved itself."""


def in_short(error: Exception) -> str:
    """Another library's error in one line of at most 200 characters; of several validation errors the first."""
    problems = getattr(error, "errors", None)
    if callable(problems) and (found := problems(include_input=False)):
        where = ".".join(map(str, found[0]["loc"]))
        return f"{where}: {found[0]['msg']}"[:200] if where else str(found[0]["msg"])[:200]
    return " ".join(str(error).split())[:200]


def nearest(name: str, valid: Iterable[str]) -> str:
    """A half-sentence that names the closest valid name, then all of them.

    Args:
        name: The name that was given.
        valid: The names that exist.
    """
    names = sorted(valid)
    close = get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f"{hint}(there are: {', '.join(names)})"
