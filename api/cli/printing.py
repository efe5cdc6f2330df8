"""Answers and hits as a person reads them."""

import textwrap
from collections.abc import Mapping, Sequence

from api.cli.common import shorten
from api.schemas.answers import AnswerView, CitationView, HitView, QueryChangeView

SHOWN_HITS = 3
AROUND_CHARACTERS = 70
"""How much of the text on either side of a quote is shown."""
QUOTE_CHARACTERS = 200


def print_answer(answer: AnswerView) -> None:
    """Print an answer with its sources; where there is none, the reason and the best hits."""
    print_changes(answer.query_changes)
    if answer.abstained:
        print(f"I don't know: {answer.abstain_reason}.")
        if answer.hits:
            print("\nThe best that was found:")
            print_hits(answer.hits[:SHOWN_HITS])
        return
    for sentence in answer.sentences:
        marks = "".join(f" [{number}]" for number in sentence.citation_ids)
        doubt = "" if sentence.supported else " (not supported by the sources)"
        print(f"{sentence.text}{marks}{doubt}")
    if not answer.sentences:
        print(answer.answer)
    chunks = {hit.chunk_id: hit for hit in answer.hits}
    print()
    for citation in answer.citations:
        _print_citation(citation, chunks.get(citation.chunk_id))


def print_changes(changes: Sequence[QueryChangeView]) -> None:
    """Say how a question was understood, where it was changed before it was looked for."""
    for change in changes:
        if change.rule == "spelling":
            print(f"(searched for {change.after}, as nothing has {change.before})")
        else:
            print(f"(understood as: {change.after})")


def print_hits(hits: Sequence[HitView]) -> None:
    """Print hits, best first, with the beginning of their texts."""
    for rank, hit in enumerate(hits, start=1):
        scores = ", ".join(
            f"{name} {score:.3f}" for name, score in hit.scores.model_dump().items() if score is not None
        )
        print(f"  {rank}. {hit.source}:{hit.start}-{hit.end}{_at(hit.place)}  ({scores})")
        if hit.folded:
            print(f"     and {len(hit.folded)} more that say the same")
        _print_indented(shorten(hit.context.text if hit.context else hit.text, 240))


def _print_citation(citation: CitationView, hit: HitView | None) -> None:
    quote = shorten(citation.quote, QUOTE_CHARACTERS)
    place = f"{citation.source}:{citation.start}-{citation.end}{_at(citation.place)}"
    print(f'  [{citation.id}] {place} "{quote}"')
    if hit is not None:
        start, end = citation.start - hit.start, citation.end - hit.start
        before = hit.text[max(0, start - AROUND_CHARACTERS) : start]
        after = hit.text[end : end + AROUND_CHARACTERS]
        opening = "…" if start > AROUND_CHARACTERS else ""
        closing = "…" if end + AROUND_CHARACTERS < len(hit.text) else ""
        around = " ".join(f"{before}»{hit.text[start:end]}«{after}".split())
        _print_indented(f"{opening}{around}{closing}")


def told_place(place: Mapping[str, str | int]) -> str:
    """A place in words: `page 3–4`, `sheet Sales, row 12`; empty where there is none."""
    told = []
    for name, fact in place.items():
        first = name.removeprefix("last_")
        if name == first:
            told.append(f"{name} {fact}" + (f"–{place[last]}" if (last := f"last_{name}") in place else ""))
        elif first not in place:  # it begins before the first of them, as at a sheet's name
            told.append(f"to {first} {fact}")
    return ", ".join(told)


def _at(place: Mapping[str, str | int]) -> str:
    return f", {told}" if (told := told_place(place)) else ""


def _print_indented(text: str) -> None:
    print(textwrap.fill(text, width=100, initial_indent="      ", subsequent_indent="      "))
