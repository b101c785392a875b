"""What each command is for, how it is called, and what its exit code means: the end of its help, and the manual page.

Every line here is parsed by the command line itself in the tests: help never shows what is refused.
"""

from __future__ import annotations

from typing import NamedTuple


class Page(NamedTuple):
    """What is told of one command besides its arguments."""

    examples: tuple[tuple[str, str], ...]
    """A command line, and what it does."""
    about: str = ""
    """What it is for, where the command itself has no more than a line."""
    exits: dict[int, str] = {}  # noqa: RUF012 - a default that nobody changes
    """Exit codes that mean something particular here."""


EXITS: dict[int, str] = {
    0: "all is well",
    1: "some inputs failed, or something is not as it was",
    2: "the command line is not understood",
    65: "bad data: a file that holds no spectrum, no such record, a damaged journal, a proof that fails",
    69: "an instrument or a folder is not there",
    70: "a defect of raman-edge; please report what it says",
    73: "a journal or an output cannot be written",
    74: "A LASER MAY STILL BE ON: the instrument did not confirm that it is off",
    75: "busy: another program has it",
    78: "a setting, a profile, a model or a calibration is wrong",
    129: "the terminal was closed, after a clean stop",
    130: "Ctrl-C, after a clean stop",
    131: "Ctrl-\\, after a clean stop of an instrument with a laser (134: SIGABRT)",
    141: "the reader of a pipe has gone",
    143: "SIGTERM, after a clean stop",
}
"""Exit codes of all commands."""

LASER: dict[int, str] = {74: EXITS[74]}
STOPS: dict[int, str] = {130: "after Ctrl-C (143 after SIGTERM): it has stopped cleanly, nothing is lost"}

USE = {
    "raman-edge": Page(
        (
            ("raman-edge demo", "see it work without an instrument"),
            ("raman-edge identify quartz.csv", "name one file"),
            ("raman-edge watch ./incoming", "name what an instrument's software drops into a folder"),
            ("raman-edge journal list", "what was said, the newest first"),
        ),
        exits=EXITS,
    ),
    "raman-edge watch": Page(
        (
            ("raman-edge watch ./incoming", "answer what lands there, live, until Ctrl-C; a restart repeats and loses nothing"),
            ("raman-edge watch ./incoming --once --output csv:results.csv", "answer what is there, append it to a table, and end"),
            ("raman-edge watch /data --match '*.spc' --backlog newest=100", "only such files, and of the old ones the newest 100"),
        ),
        "Identify what lands in a folder, exactly once: each content gets one row in the journal, whatever crashes happen, before it is "
        "shown. A terminal gets a live screen, a pipe JSON lines. No file is ever changed.",
        {1: "with --once: some files could not be answered; the journal has the reasons", 69: "the folder is not there", **STOPS},
    ),
    "raman-edge serial": Page(
        (
            ("raman-edge devices ports", "first see what is plugged in"),
            ("raman-edge serial /dev/ttyUSB0 --profile ocean-usb2000", "measure and name, live, until Ctrl-C"),
            ("raman-edge serial /dev/ttyUSB0 --exposure auto --dark take --count 10 --json", "ten spectra for a script"),
        ),
        exits={
            69: "no such port, or the instrument is not on it",
            **LASER,
            75: "another program has the port",
            78: "no profile names what is on that port: give --profile",
            **STOPS,
        },
    ),
    "raman-edge identify": Page(
        (
            ("raman-edge identify quartz.csv", "answer, candidates, peaks and quality of one file"),
            ("raman-edge identify --json *.txt > answers.jsonl", "one JSON object a spectrum, for a script"),
            ("raman-edge identify --calibration SN42 --laser 785 pixels.csv", "a file on bare pixels, by a calibration"),
        ),
        "Name what is in files, once: nothing is kept. The format is told by content, whatever a file is called.",
        {1: "some files hold no spectrum", 65: "none holds one"},
    ),
    "raman-edge demo": Page(
        (
            ("raman-edge demo", "on a terminal: live; needs no instrument and leaves nothing behind"),
            ("raman-edge demo --seconds 10 --svg screen.svg", "in ten seconds, and a picture of the screen"),
        ),
    ),
    "raman-edge report": Page(
        (
            ("raman-edge report 7b9065b6 -o quartz.html", "one result, by the beginning of its id in `journal list`"),
            ("raman-edge report --since 24h --decision unknown -o unknown.html", "what could not be named since yesterday"),
            ("raman-edge report --last 20 -o - > batch.html", "a contact sheet and twenty pages, through a pipe"),
        ),
        exits={65: "no such record", 73: "the file is there already, or cannot be written"},
    ),
}
INSTRUMENTS = {
    "raman-edge devices": Page(
        (
            ("raman-edge devices ports", "what is plugged in"),
            ("raman-edge devices list", "which instruments are known"),
            ("raman-edge devices simulate ocean-usb2000", "an instrument to try everything with"),
        ),
        "Spectrometers as pages of facts: what is plugged in, what is known of it, and simulated ones to try everything with.",
    ),
    "raman-edge devices list": Page(
        (
            ("raman-edge devices list", "every profile, with what was tried of it and by whom"),
            ("raman-edge devices list ocean", "those with a word in name, vendor or model"),
        ),
        "The profiles that ship, and how far each can be trusted.",
        {1: "no profile has these words"},
    ),
    "raman-edge devices page": Page(
        (
            ("raman-edge devices page ocean-usb2000", "the page of an instrument, with what was observed and where"),
            ("raman-edge devices page generic-csv-stream > mine.toml", "a start for your own"),
        ),
    ),
    "raman-edge devices ports": Page(
        (
            ("raman-edge devices ports", "what is plugged in, which profile fits, who has it open"),
            ("raman-edge devices ports --json", "for a script"),
        ),
    ),
    "raman-edge devices probe": Page(
        (
            ("raman-edge devices probe /dev/ttyUSB0", "listen, then ask only what is safe to ask"),
            ("raman-edge devices probe /dev/ttyUSB0 --profile ocean-usb2000", "ask all that this profile asks at an opening"),
        ),
        exits={69: "nothing answered", 75: "another program has the port"},
    ),
    "raman-edge devices simulate": Page(
        (
            ("raman-edge devices simulate ocean-usb2000", "a port that answers as the instrument would; it prints its name"),
            ("raman-edge devices simulate tcd1304-teensy --material Calcite --axis-error 2", "with a mineral, and an axis that is off"),
            ("raman-edge devices simulate ocean-usb2000 --fault drop:every=10", "with a fault in every tenth spectrum"),
        ),
    ),
    "raman-edge devices record": Page(
        (
            ("raman-edge devices record /dev/ttyUSB0 -o run.recording --count 20", "twenty spectra, with all that they were made of"),
            (
                "raman-edge devices record ocean: -o run.recording --exposure 0.5 --dark take",
                "from Ocean on USB, with a dark",
            ),
        ),
        exits={69: "no such port, or the instrument is not on it", 73: "the file is there already, or cannot be written", **LASER, **STOPS},
    ),
    "raman-edge devices replay": Page(
        (
            ("raman-edge devices replay run.recording", "name what was recorded, as if the instrument were there"),
            ("raman-edge devices replay run.recording --average 1 --json", "each exposure by itself, for a script"),
        ),
        exits={65: "the file is no recording"},
    ),
    "raman-edge devices validate": Page(
        (
            ("raman-edge devices validate mine.toml", "every mistake with its line"),
            ("raman-edge devices validate ocean-usb2000", "one that ships"),
        ),
        "Check profiles of your own before they meet an instrument: every mistake with its line, what was got and what is expected.",
        {78: "a profile has mistakes"},
    ),
    "raman-edge devices explain": Page(
        (
            ("raman-edge devices explain ocean-usb2000", "the bytes of every request, and what is expected back"),
            ("raman-edge devices explain mine.toml --exposure 0.5", "of your own, at an exposure of half a second"),
        ),
        "Show the bytes that a profile would send, and what it expects back, without sending any.",
    ),
    "raman-edge calibrate": Page(
        (
            ("raman-edge calibrate ps.csv --standard polystyrene --instrument SN42", "fit, show residuals, keep it for SN42"),
            ("raman-edge calibrate ps.csv --standard polystyrene --instrument SN42 --check", "how far off it is today"),
            ("raman-edge calibrate neon.csv --standard neon --instrument SN42", "by a lamp: the axis does not depend on the laser"),
            ("raman-edge calibrate --list", "calibrations in use, and the earlier ones with their dates"),
            ("raman-edge calibrate --restore SN42", "use again what SN42's calibration replaced"),
        ),
        exits={
            1: "with --check: the axis is off",
            65: "the standard's lines are not found, or the fit may be wrong: nothing is kept",
            **LASER,
            78: "the standard or the calibration is not known",
        },
    ),
}
JOURNAL = {
    "raman-edge journal": Page(
        (
            ("raman-edge journal list --since 24h", "what was said since yesterday"),
            ("raman-edge journal show 7b9065b6", "one record, whole"),
            ("raman-edge journal verify", "whether anybody changed it"),
        ),
        "What was said: every record with its spectrum, in one file whose rows prove each other.",
    ),
    "raman-edge journal list": Page(
        (
            ("raman-edge journal list", "the newest first; the first column is the id that `show`, `replay` and `report` take"),
            ("raman-edge journal list --decision unknown --since 7d", "what could not be named this week"),
            ("raman-edge journal list --json --limit 5", "the newest five for a script"),
        ),
        exits={65: "a row is damaged, or another program changed the journal"},
    ),
    "raman-edge journal show": Page(
        (
            ("raman-edge journal show 7b9065b6", "reasons, peaks, quality, model and spectrum"),
            ("raman-edge journal show 7b9065b6 --json", "the same with the spectrum's numbers"),
        ),
        exits={65: "no such record, or its row is damaged"},
    ),
    "raman-edge journal export": Page(
        (
            ("raman-edge journal export --format csv --out results.csv", "every record as a table"),
            ("raman-edge journal export --format jsonl --since 2026-11-01 --label quartz", "some of them as they went out"),
            ("raman-edge journal export --spectrum 7b9065b6 --out again.csv", "one spectrum, which `identify` reads"),
        ),
        exits={65: "no such record, its spectrum is not kept, or a row is damaged", 73: "the file cannot be written"},
    ),
    "raman-edge journal verify": Page(
        (
            ("raman-edge journal verify", "test every row; write down the head that it prints"),
            ('raman-edge journal verify --head "$NOTED"', "with that head: also that nothing was taken off its end since then"),
        ),
        exits={65: "the journal is not what was written"},
    ),
    "raman-edge journal replay": Page(
        (
            ("raman-edge journal replay --last 100", "do the model and library of today say the same?"),
            ("raman-edge journal replay 7b9065b6 --model new.onnx", "one record, by another model"),
        ),
        exits={1: "an answer differs", 65: "there was no spectrum to answer, or a row is damaged"},
    ),
    "raman-edge journal prune": Page(
        (
            ("raman-edge journal prune --spectra-before 90d", "spectra older than ninety days"),
            ("raman-edge journal prune --spectra-before 2026-01-01", "those of last year"),
        ),
    ),
    "raman-edge deliver": Page(
        (
            ("raman-edge deliver --once --output csv:results.csv", "append what the table does not have yet, and end"),
            ("raman-edge deliver --output mqtt://user@broker/lab/raman", "publish what comes, until Ctrl-C"),
        ),
        "Hand records of the journal on to files, a broker or a pipe. Each output has its own place in the journal: what it missed, it "
        "gets; what it has, it does not get again.",
        {65: "a row is damaged; the others are delivered", 73: "with --once: an output could not take everything", **STOPS},
    ),
}
MODEL = {
    "raman-edge learn": Page(
        (
            ('raman-edge learn "Beaker 7" white-powder.csv --note "from the second shelf"', "one spectrum is enough"),
            ("raman-edge learn --list", "what was taught, when, and from what"),
            ('raman-edge learn --forget "Beaker 7"', "take it back"),
        ),
        exits={1: "some spectra were not learned, or keep another name", 65: "nothing was done"},
    ),
    "raman-edge model": Page(
        (
            ("raman-edge model info", "what runs here and how it was measured"),
            ("raman-edge model verify new.onnx", "before a model from elsewhere is used"),
        ),
        "What names the spectra: what it was made from, whether to trust it, how fast it is here.",
    ),
    "raman-edge model info": Page(
        (
            ("raman-edge model info", "of the embedded model"),
            ("raman-edge model info --model new.onnx --json", "of another one, for a script"),
        ),
        "Tell what runs here, what it was made from, how it was measured, and from which probability on it names or doubts.",
    ),
    "raman-edge model verify": Page(
        (
            ("raman-edge model verify new.onnx", "structure, card, self-test, library"),
            ("raman-edge model verify new.onnx --key lab.pem", "also whether it is the one that the owner of this key signed"),
        ),
        "Say whether a model file may be trusted and works here. Nothing is run before structure and card have passed.",
        {65: "a check failed"},
    ),
    "raman-edge model bench": Page(
        (
            ("raman-edge model bench", "latency, throughput, memory, start and idling on this machine"),
            ("raman-edge model bench --quick --json", "in ten seconds, for a script"),
        ),
        "Measure how fast it is here: latency, throughput, memory, start, idling.",
    ),
    "raman-edge config": Page(
        (("raman-edge config show", "every setting of `watch`"), ("raman-edge config show --origin", "and where each comes from")),
        "What `watch` is told by files of settings and by the environment, before the command line has its say.",
    ),
    "raman-edge config show": Page(
        (
            ("raman-edge config show --origin", "every setting, its value, and the file or variable it comes from"),
            ("raman-edge config show > config.toml", "a file of settings to start from"),
        ),
        "Every setting of `watch` and its value, as TOML; what nobody has set is a comment.",
    ),
    "raman-edge doctor": Page(
        (
            ("raman-edge doctor", "model, journal, libraries, rights, software"),
            ("raman-edge doctor ./incoming", "also the folder that is to be watched"),
        ),
        "Tell what is wrong on this box, in plain words, and what to do about it. Nothing is changed.",
        {1: "something is wrong"},
    ),
    "raman-edge completion": Page(
        (
            ("raman-edge completion bash > ~/.raman-edge.bash", "and in ~/.bashrc: source ~/.raman-edge.bash"),
            ("raman-edge completion zsh > ~/.zfunc/_raman-edge", "and in ~/.zshrc, before compinit: fpath=(~/.zfunc $fpath)"),
            ("raman-edge completion fish > ~/.config/fish/completions/raman-edge.fish", "fish, at once"),
        ),
    ),
}
PAGES = USE | INSTRUMENTS | JOURNAL | MODEL
"""Command → its page."""
