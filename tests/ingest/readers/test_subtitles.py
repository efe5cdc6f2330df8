from ingest.readers import ProblemKind
from tests.ingest.readers.conftest import Read, only_document, only_problem
from tests.ingest.readers.samples import place_of

VTT = """WEBVTT Kind: captions

NOTE a comment
of two lines

intro
00:01.000 --> 00:03.500 align:start
<v Ann>Good <i>morning</i> &amp; welcome

00:03.500 --> 00:05.000
<v Ann>to the talk.

01:00:07.000 --> 01:00:08.000
<v.loud Bob>Thanks!
"""


def test_speakers_paragraphs_are_joined(read_bytes: Read) -> None:
    document = only_document(read_bytes("a.vtt", VTT))
    assert document.text == "Ann: Good morning & welcome\nto the talk.\n\nBob: Thanks!"


def test_place_is_the_time(read_bytes: Read) -> None:
    document = only_document(read_bytes("a.vtt", VTT))
    assert place_of(document.places, document.text, "talk") == {"time": "00:00:03"}
    assert place_of(document.places, document.text, "Thanks") == {"time": "01:00:07"}


def test_subrip_is_read(read_bytes: Read) -> None:
    content = "1\r\n00:00:01,000 --> 00:00:02,000\r\n<i>Hello</i>\r\n\r\n"
    content += "2\r\n00:00:02,000 --> 00:00:03,000\r\nworld\r\n"
    document = only_document(read_bytes("a.srt", content))
    assert (document.text, document.media_type) == ("Hello\nworld", "application/x-subrip")


def test_file_without_cues_is_malformed(read_bytes: Read) -> None:
    assert only_problem(read_bytes("a.vtt", "Just a text.")).kind == ProblemKind.MALFORMED


def test_transcript_of_silence_is_empty(read_bytes: Read) -> None:
    assert (
        only_problem(read_bytes("a.vtt", "WEBVTT\n\n00:01.000 --> 00:02.000\n\n")).kind == ProblemKind.EMPTY
    )
