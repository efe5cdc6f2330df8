from email.message import EmailMessage

from ingest.readers import Problem, ProblemKind, RawDocument
from tests.ingest.readers.conftest import Read, only_document, only_problem
from tests.ingest.readers.samples import paragraph, word


def message(subject: str = "Leave", text: str = "Thirty days.\n") -> EmailMessage:
    mail = EmailMessage()
    mail["Subject"] = subject
    mail["From"] = "Ann <ann@example.org>"
    mail["To"] = "bob@example.org"
    mail["Date"] = "Tue, 06 Feb 2024 10:00:00 +0100"
    mail.set_content(text)
    return mail


def test_message_is_read_with_its_headers(read_bytes: Read) -> None:
    document = only_document(read_bytes("a.eml", message().as_bytes()))
    assert document.text == (
        "Leave\n\nFrom: Ann <ann@example.org>\nTo: bob@example.org\n"
        "Date: Tue, 06 Feb 2024 10:00:00 +0100\n\nThirty days."
    )
    assert (document.title, document.metadata["date"]) == ("Leave", "2024-02-06T10:00:00+01:00")


def test_page_is_read_where_there_is_no_plain_text(read_bytes: Read) -> None:
    mail = message()
    mail.set_content("<style>p {}</style><p>Only <b>here</b>", subtype="html")
    assert only_document(read_bytes("a.eml", mail.as_bytes())).text.endswith("\n\nOnly here")


def test_attachments_are_documents_of_their_own(read_bytes: Read) -> None:
    mail = message()
    mail.add_attachment(word(paragraph("In Word")), maintype="application", subtype="x", filename="a b.docx")
    mail.add_attachment(b'{"id": 7, "text": "Seven"}\n', maintype="a", subtype="b", filename="c.jsonl")
    mail.add_attachment(b"\x89PNG", maintype="image", subtype="png", filename="d.bin")
    first, *others, skipped = read_bytes("m.eml", mail.as_bytes())
    assert isinstance(first, RawDocument)
    names = [item.source.removeprefix(first.source) for item in others]
    assert names == ["#a%20b.docx", "#c.jsonl/7"]
    assert [item.text for item in others if isinstance(item, RawDocument)] == ["In Word", "Seven"]
    assert isinstance(skipped, Problem)
    assert skipped.kind == ProblemKind.SKIPPED


def test_attached_message_is_read(read_bytes: Read) -> None:
    outer = message("Fwd")
    outer.add_attachment(message("Inner"))
    _, inner = read_bytes("m.eml", outer.as_bytes())
    assert isinstance(inner, RawDocument)
    assert (inner.title, inner.source.rpartition("#")[2]) == ("Inner", "message%201.eml")


def test_messages_nested_too_deeply_are_refused(read_bytes: Read) -> None:
    mail = message("0")
    for number in range(1, 6):
        outer = message(str(number))
        outer.add_attachment(mail)
        mail = outer
    *documents, problem = read_bytes("m.eml", mail.as_bytes())
    assert len(documents) == 4
    assert isinstance(problem, Problem)
    assert problem.kind == ProblemKind.UNSAFE


def test_unknown_charset_does_not_lose_the_text(read_bytes: Read) -> None:
    raw = b'Subject: Hi\nContent-Type: text/plain; charset="klingon"\n\nText here\n'
    assert only_document(read_bytes("a.eml", raw)).text == "Hi\n\nText here"


def test_file_without_headers_is_no_message(read_bytes: Read) -> None:
    assert only_problem(read_bytes("a.eml", "Just a text.\n")).kind == ProblemKind.MALFORMED
