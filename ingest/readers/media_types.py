"""Which media types there are readers for, by the endings and by the names that go round for them."""

_OFFICE = "application/vnd.openxmlformats-officedocument."
_WORD = _OFFICE + "wordprocessingml.document"
_SLIDES = _OFFICE + "presentationml.presentation"
_SHEETS = _OFFICE + "spreadsheetml.sheet"

MEDIA_TYPES = {
    ".txt": "text/plain",
    ".text": "text/plain",
    ".rst": "text/plain",
    ".md": "text/markdown",
    ".markdown": "text/markdown",
    ".html": "text/html",
    ".htm": "text/html",
    ".xhtml": "text/html",
    ".adoc": "text/asciidoc",
    ".asciidoc": "text/asciidoc",
    ".pdf": "application/pdf",
    ".docx": _WORD,
    ".docm": _WORD,
    ".pptx": _SLIDES,
    ".pptm": _SLIDES,
    ".xlsx": _SHEETS,
    ".xlsm": _SHEETS,
    ".epub": "application/epub+zip",
    ".eml": "message/rfc822",
    ".vtt": "text/vtt",
    ".srt": "text/vtt",
    ".jsonl": "application/jsonl",
    ".ndjson": "application/jsonl",
    ".json": "application/json",
    ".csv": "text/csv",
    ".tsv": "text/csv",
    ".xml": "application/xml",
}
"""The media types by the endings of names."""

OTHER_NAMES = {
    "application/x-ndjson": "application/jsonl",
    "application/x-jsonlines": "application/jsonl",
    "application/json-lines": "application/jsonl",
    "application/xhtml+xml": "text/html",
    "application/x-subrip": "text/vtt",
    "application/x-pdf": "application/pdf",
    "application/vnd.ms-word.document.macroenabled.12": _WORD,
    "application/vnd.ms-powerpoint.presentation.macroenabled.12": _SLIDES,
    "application/vnd.ms-excel.sheet.macroenabled.12": _SHEETS,
    "text/x-asciidoc": "text/asciidoc",
    "text/x-markdown": "text/markdown",
    "text/x-rst": "text/plain",
    "text/xml": "application/xml",
    "text/tab-separated-values": "text/csv",
}
"""Other names that a sender may give them."""

_SAVE_AS = "open it in its program or in LibreOffice and save it as "
MENDS = {
    ".doc": _SAVE_AS + ".docx",
    ".odt": _SAVE_AS + ".docx",
    ".rtf": _SAVE_AS + ".docx",
    ".pages": _SAVE_AS + ".docx",
    ".wpd": _SAVE_AS + ".docx",
    ".ppt": _SAVE_AS + ".pptx",
    ".odp": _SAVE_AS + ".pptx",
    ".xls": _SAVE_AS + ".xlsx",
    ".xlsb": _SAVE_AS + ".xlsx",
    ".ods": _SAVE_AS + ".xlsx",
    ".numbers": _SAVE_AS + ".xlsx",
    ".msg": "save it from the mail program as .eml",
    ".mbox": "export its messages as .eml files",
    ".mobi": "convert it to .epub",
    ".azw3": "convert it to .epub",
    ".djvu": "convert it to .pdf",
    ".ps": "convert it to .pdf",
}
"""What to do about files that evidently are documents but have no reader."""
