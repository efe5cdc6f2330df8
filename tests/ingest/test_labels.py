import pytest

from ingest.errors import PathPatternError
from ingest.labels import PathPattern, front_matter, language_of, path_labels


@pytest.mark.parametrize(
    ("pattern", "source", "labels"),
    [
        ("{department}/{year}/*.pdf", "file:///data/sales/2024/a.pdf", {"department": "sales", "year": 2024}),
        ("{department}/{year}/*.pdf", "file:///data/sales/2024/a.txt", {}),
        ("reports/**/{name}.md", "file:///x/reports/a/b/c.md", {"name": "c"}),
        ("reports/**/{name}.md", "file:///x/reports/c.md", {"name": "c"}),
        ("{year}-{title}.md", "upload://2023-my%20notes.md", {"year": 2023, "title": "my notes"}),
        ("{code}/*", "file:///a/007/x", {"code": "007"}),
        ("data/{set}.jsonl", "file:///data/faq.jsonl#17", {"set": "faq"}),
        ("a.b/{x}", "file:///aXb/c", {}),
    ],
)
def test_path_tells_what_its_pattern_names(pattern: str, source: str, labels: dict[str, object]) -> None:
    assert PathPattern(pattern).labels(source) == labels


def test_first_pattern_that_fits_counts() -> None:
    patterns = [PathPattern("{a}.md"), PathPattern("{b}.txt"), PathPattern("{c}.txt")]
    assert path_labels("file:///x.txt", patterns) == {"b": "x"}
    assert path_labels("file:///x.csv", patterns) == {}


@pytest.mark.parametrize("pattern", ["", "no/names/*", "{a}/{a}"])
def test_pattern_that_labels_nothing_is_refused(pattern: str) -> None:
    with pytest.raises(PathPatternError, match="cannot be used"):
        PathPattern(pattern)


def test_front_matter_gives_what_metadata_can_hold() -> None:
    text = (
        "---\ntitle: Leave\nauthor: Ada\nyear: 2024\ndraft: false\ndate: 2024-05-31\n"
        "tags: [hr, {deep: 1}, leave]\nnested: {a: 1}\nnothing:\n---\nText."
    )
    assert front_matter(text) == {
        "author": "Ada",
        "year": 2024,
        "draft": False,
        "date": "2024-05-31",
        "tags": ["hr", "leave"],
    }


@pytest.mark.parametrize(
    "text",
    ["No front matter.", "---\n: [\n---\nx", "---\njust words\n---\nx", "---\na: 1", "---\na: .nan\n---\n"],
)
def test_what_is_no_front_matter_gives_nothing(text: str) -> None:
    assert front_matter(text) == {}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Thirty days of leave are granted to everyone who works here.", "en"),
        ("Alle Beschäftigten erhalten dreißig Tage Urlaub im Jahr.", "de"),
        ("Tous les employés ont droit à trente jours de congé par an.", "fr"),
        ("すべての従業員には年間三十日の休暇が与えられます。", "ja"),
        ("12345 67890", None),
        ("Hello", None),
    ],
)
def test_language_is_recognised(text: str, code: str | None) -> None:
    assert language_of(text) == code
