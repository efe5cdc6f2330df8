"""Subtitles and transcripts (WebVTT, SubRip): what is said, in paragraphs by speaker, with its times.

WebVTT is read as the W3C's candidate recommendation describes it, SubRip as players do.
"""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ingest.clean import normalise
from ingest.readers.bytes import UnfitTextError, read_text
from ingest.readers.compose import Composer
from ingest.readers.document import ProblemKind, Reading, ReadOptions

_TIMING = re.compile(r"\s*((?:\d+:)?\d{1,2}:\d{2})[.,]\d{1,3}\s*-->\s*(?:\d+:)?\d{1,2}:\d{2}[.,]\d{1,3}")
_VOICE = re.compile(r"<v(?:\.[^\s<>]*)?\s+([^<>]+)>")
_TAG = re.compile(r"</?[a-zA-Z0-9.:][^<>]*>|\{\\[^{}]*\}")
_SKIPPED = ("NOTE", "STYLE", "REGION", "WEBVTT")


@dataclass(frozen=True)
class _Cue:
    time: str
    speaker: str
    text: str


def read_subtitles(path: Path, options: ReadOptions, source: str, title: str) -> Reading:
    """Gives the transcript as one document; the place of each cue is its time."""
    text = normalise(read_text(path, options))
    composer = Composer()
    speaker = ""
    for cue in _cues(text):
        composer.move_to(time=cue.time)
        if cue.speaker and cue.speaker != speaker:
            composer.add(cue.text, mark=f"{cue.speaker}: ")
        else:
            composer.add(cue.text, separator="\n")
        speaker = cue.speaker
    if text and not composer.text and "-->" not in text:
        reason = "it has no cue, no line such as 00:01.000 --> 00:02.000; check that it is a transcript"
        raise UnfitTextError(ProblemKind.MALFORMED, reason)
    media_type = "application/x-subrip" if ".srt" in path.suffixes else "text/vtt"
    yield composer.document(source, title, media_type)


def _cues(text: str) -> Iterator[_Cue]:
    """Gives the cues: a block of lines with a timing line, the number or name before it left out."""
    for block in re.split(r"\n\s*\n", text):
        lines = block.split("\n")
        if lines[0].split(" ")[0] in _SKIPPED and "-->" not in lines[0]:
            lines = [line for line in lines if lines[0].startswith("WEBVTT") and line is not lines[0]]
        timings = [number for number, line in enumerate(lines) if _TIMING.match(line)]
        for position, number in enumerate(timings):
            end = timings[position + 1] if position + 1 < len(timings) else len(lines)
            yield from _voices(_clock(lines[number]), "\n".join(lines[number + 1 : end]))


def _voices(time: str, payload: str) -> Iterator[_Cue]:
    """Gives what each speaker of a cue says; the speaker is empty where the cue names none."""
    pieces = _VOICE.split(payload)
    for speaker, said in zip(["", *pieces[1::2]], pieces[::2], strict=True):
        text = " ".join(html.unescape(_TAG.sub("", said)).split())
        if text:
            yield _Cue(time, html.unescape(speaker).strip(), text)


def _clock(timing: str) -> str:
    """Returns when a cue begins as hours, minutes and seconds."""
    found = _TIMING.match(timing)
    assert found is not None
    *hours, minutes, seconds = found.group(1).split(":")
    return f"{int(hours[0]) if hours else 0:02}:{int(minutes):02}:{seconds}"
