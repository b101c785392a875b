"""Every error of the toolkit, in one tree.

::

    RamanEdgeError
    ├── ConfigError              a bad option, TOML file or recipe: where, got, expected
    ├── SourceError              a place spectra come from
    │   ├── SourceUnavailable    cannot be opened: not found, denied, silent
    │   │   └── SourceBusy       cannot be opened: another program has it
    │   ├── SourceLost           was open, is gone
    │   └── LaserNotOff          its laser may still be on
    ├── SpectrumError            an impossible axis or impossible counts
    │   └── FormatError          a file that is not a spectrum: which line or byte, and why
    ├── ModelError               a model file that cannot be run as it is
    │   ├── CardError            the card inside the model file is missing or wrong
    │   └── ProbeMismatch        the model does not give here what it gave when it was made
    ├── LibraryError             a reference library that cannot be used
    ├── CalibrationError         a calibration that is damaged, too old or of another instrument
    ├── JournalError             damaged, another program's, from a newer version, chain broken
    │   ├── JournalDamaged       holds what was not written so: damaged pages or rows, foreign tables
    │   │   └── RowDamaged       one row cannot be read, the others can
    │   ├── JournalUnavailable   cannot be opened, read or written now: disk full, busy, denied
    │   └── NoSuchRecord         no record has that id, or several have
    ├── OutputError              standard output cannot be written
    └── SinkError                an output cannot take records now; they wait in the journal
        └── RecordsRefused       an output can never take some records; it has the others
            └── RecordsDamaged   because they are not records

Every message says what was got, what was expected and what to do about it. Only
the command line catches :class:`RamanEdgeError`; recoverable faults (one unreadable
file, one bad frame) travel as :class:`raman_edge.spectrum.Fault` values instead.
"""

from typing import Self


class RamanEdgeError(Exception):
    """Root of the tree.

    An error is a value: ``kind``, ``place``, ``cause``, ``got``, ``expected`` and ``advice``, from which the message is made in one
    place, here. Code and tests ask for the fields; only a person reads the message.

    Parameters
    ----------
    *messages
        Complete messages, one for each mistake of several; they replace the message made from the fields.
    kind
        What is wrong, in the fewest words, without values: ``"unknown key"``, ``"axis not increasing"``.
    place
        Where: a file with its line or byte, a key, an option, a port.
    cause
        What the system or a library says of it, such as "No such file or directory".
    got
        What was found there, already safe to print (``repr`` of text from outside).
    expected
        What would have been right.
    advice
        What to do about it, as a sentence without a full stop.
    """

    exit_code = 70
    """What the command line ends with."""

    def __init__(
        self, *messages: object, kind: str = "", place: str = "", cause: str = "", got: str = "", expected: str = "", advice: str = ""
    ) -> None:
        self.kind, self.place, self.cause, self.got, self.expected, self.advice = kind, place, cause, got, expected, advice
        super().__init__(*(messages or (_message(kind=kind, place=place, cause=cause, got=got, expected=expected, advice=advice),)))

    def at(self, place: str) -> Self:
        """Return a copy at ``place``, which stands before the error's own place."""
        fields = {"kind": self.kind, "cause": self.cause, "got": self.got, "expected": self.expected, "advice": self.advice}
        composed = self.args == (_message(place=self.place, **fields),)
        messages = () if composed else tuple(f"{place}: {message}" for message in self.args)
        return type(self)(*messages, place=f"{place}: {self.place}" if self.place else place, **fields)

    def __reduce__(self) -> tuple[object, ...]:
        """Keep the fields where an error crosses to another process."""
        return (_restored, (type(self), self.args, self.__dict__))

    def __str__(self) -> str:
        """Return the message on one line, also where it has several mistakes, each an argument."""
        return "; ".join(map(str, self.args))


def _message(*, kind: str, place: str, cause: str, got: str, expected: str, advice: str) -> str:
    """Return ``PLACE: KIND: CAUSE: got GOT, expected EXPECTED. ADVICE``; a part that is empty is left out."""
    values = ", ".join(f"{word} {value}" for word, value in (("got", got), ("expected", expected)) if value)
    message = ": ".join(part for part in (place, kind, cause, values) if part)
    return f"{message}. {advice}" if advice else message


def _restored(error: type[RamanEdgeError], args: tuple[object, ...], fields: dict[str, object]) -> RamanEdgeError:
    made = error.__new__(error, *args)
    made.args = args
    made.__dict__.update(fields)
    return made


class ConfigError(RamanEdgeError):
    """A bad option, configuration file or recipe."""

    exit_code = 78


class SourceError(RamanEdgeError):
    """A place that spectra come from cannot be used."""

    exit_code = 69


class SourceUnavailable(SourceError):
    """The source cannot be opened: it is not there, busy, or not ours to read."""


class SourceBusy(SourceUnavailable):
    """The source is there, and another program has it."""

    exit_code = 75


class SourceLost(SourceError):
    """The source was open and is gone."""


class LaserNotOff(SourceError):
    """The instrument did not confirm that its laser is off: it may still be on."""

    exit_code = 74


class SpectrumError(RamanEdgeError):
    """An axis or counts that no spectrometer can have produced."""

    exit_code = 65


class FormatError(SpectrumError):
    """Bytes that are not a spectrum in any format that is read."""


class ModelError(RamanEdgeError):
    """A model file that cannot be run as it is."""

    exit_code = 78


class CardError(ModelError):
    """The card inside a model file is missing, malformed or from another version."""


class ProbeMismatch(ModelError):
    """The model's own probe gave other numbers here than where it was exported."""


class LibraryError(RamanEdgeError):
    """A reference library that is damaged or belongs to another model."""

    exit_code = 78


class CalibrationError(RamanEdgeError):
    """A wavenumber calibration that is damaged, too old, or belongs to another instrument."""

    exit_code = 78


class JournalError(RamanEdgeError):
    """The journal cannot be opened or written, or its contents do not add up."""

    exit_code = 73


class JournalDamaged(JournalError):
    """What the journal holds is not what was written: a page, a row or a table."""

    exit_code = 65


class RowDamaged(JournalDamaged):
    """A row of the journal cannot be read."""

    def __init__(self, seq: int, why: object) -> None:
        super().__init__(f"row {seq} of the journal is damaged: {why}. `raman-edge journal verify` tests the whole of it")
        self.seq = seq


class JournalUnavailable(JournalError):
    """The journal cannot be used now; another attempt may succeed, with the same open journal."""


class NoSuchRecord(JournalError):
    """No record of the journal has the requested id, or several have."""

    exit_code = 65


class OutputError(RamanEdgeError):
    """Standard output cannot be written: the disk behind it is full, or it is gone."""

    exit_code = 73


class SinkError(RamanEdgeError):
    """An output cannot take records now: what it has not confirmed is sent again later."""

    exit_code = 73


class RecordsRefused(SinkError):
    """Some records can never be taken by an output, a line for each; it has taken the others."""


class RecordsDamaged(RecordsRefused):
    """Some rows of the journal hold no records."""

    exit_code = 65
