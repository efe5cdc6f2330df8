import pytest

from store.index.query import KeywordQuery, parse


@pytest.mark.parametrize(
    ("query", "text", "required", "excluded"),
    [
        ('red "big owl" +must -not', "red big owl must", ("big owl", "must"), ("not",)),
        ('+"night owl" -"day owl"', "night owl", ("night owl",), ("day owl",)),
        ("“big owl” eats", "big owl eats", ("big owl",), ()),
        ("„große Eule“ +jagt.", "große Eule jagt", ("große Eule", "jagt"), ()),
        ('error +ORA-00942 -max_tokens, "a.b"', "error ORA-00942 a.b", ("a.b", "ORA-00942"), ("max_tokens",)),
        ('(+owl) "+fox -elk"', "( owl +fox -elk", ("owl", "+fox -elk"), ()),
        ("+owl +owl -owl", "owl owl", ("owl",), ("owl",)),
        ("-owl", "", (), ("owl",)),
        ("+سلام -שלום", "سلام", ("سلام",), ("שלום",)),
    ],
)
def test_conditions_are_taken_out_of_a_query(
    query: str, text: str, required: tuple[str, ...], excluded: tuple[str, ...]
) -> None:
    parsed = parse(query)
    assert (parsed.text, set(parsed.required), parsed.excluded) == (text, set(required), excluded)


@pytest.mark.parametrize(
    "query",
    [
        "", " ", '"', '"owl', 'owl"', '""', '"?!"', "+", "-", "+ owl", "- owl", "--owl", "co-op", "a+b",
        "-40 °C", "+49 30 1234", "5\" x 7\"", "owl AND NOT fox", "^(owl+)+$", "[a-z]+|owl", "owl~2 *",
        "👩\u200d🚀", "\u202e",
        "O'Brien's", "\x00", "text:owl", "+'-", '"owl"s',
    ],
)  # fmt: skip
def test_what_is_not_syntax_is_text(query: str) -> None:
    assert parse(query) == KeywordQuery(query)


def test_ten_thousand_quotes_are_read_at_once() -> None:
    assert parse('"' * 10_000).text
    assert len(parse(" ".join(f'"owl {i}"' for i in range(10_000))).required) == 10_000
