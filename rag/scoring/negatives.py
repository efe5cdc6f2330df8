"""Claims that their evidence only seems to bear out, made from claims that it does. All are marked synthetic.

A name or a number of the claim is exchanged for another one of the same kind (of the same evidence if it has
one), the claim is put beside another evidence, or it goes on to say what another claim says. Sentences of the
evidence itself, as they stand and with such an exchange, teach that what is copied is borne out and what
differs in one place is not.
"""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rag.generator.words import sentence_spans
from rag.scoring.data import Claim

_CUE = re.compile(r"\d[\d,.]*\d|\d|[A-Z][\w-]+(?: (?:of |the |de )?[A-Z][\w-]+)*")
Cues = dict[str, list[str]]
"""Names and numbers by their kind."""
INSIDE = 0.5
"""How often the new name or number is one of the evidence, where it has one."""
TRIED = 20
JOINTS = (". ", ", and ", ", but ", ", which means that ")
LEAST_WORDS, MOST_WORDS = 6, 40
"""A sentence of the evidence is taken as a claim between these lengths."""


@dataclass(frozen=True)
class Shares:
    """How many synthetic claims are made of each kind, relative to the supported ones."""

    exchanged: float = 0.25
    moved: float = 0.10
    extended: float = 0.15
    copied: float = 0.12
    """Each copied sentence comes with one in which something is exchanged, where it has a name or number."""


def make_claims(claims: Sequence[Claim], shares: Shares, rng: random.Random) -> list[Claim]:
    """Return new claims made from the supported ones; `rng` chooses."""
    supported = [c for c in claims if c.supported]
    cues = find_cues(supported)
    made: list[Claim] = []
    for claim in supported:
        if rng.random() < shares.exchanged:
            made += _made(claim, "exchanged", exchange(claim.text, claim.evidence, cues, rng))
        if rng.random() < shares.moved:
            other = rng.choice(supported)
            if other.evidence != claim.evidence:
                made.append(_false(replace(claim, evidence=other.evidence), "moved"))
        if rng.random() < shares.extended:
            made += _made(claim, "extended", extended(claim, rng.choice(supported), rng))
        if rng.random() < shares.copied:
            made += _copied(claim, cues, rng)
    return made


def exchange(text: str, evidence: str, cues: Cues, rng: random.Random) -> str | None:
    """The text with one name or number of it, that the evidence has, exchanged for one that makes it false.

    The new one is another of the same kind in the evidence, else one that the evidence lacks. None where
    nothing can be exchanged.
    """
    low = evidence.lower()
    old = [m for m in _CUE.finditer(text) if m[0].lower() in low and (m.start() > 0 or m[0][0].isdigit())]
    if not old:
        return None
    chosen = rng.choice(old)
    kind = _kind(chosen[0])
    near = {m[0] for m in _CUE.finditer(evidence) if m.start() > 0 and _kind(m[0]) == kind}
    inside = sorted(o for o in near if not _overlap(o, text))
    anywhere = cues.get(kind, [])
    outside = [o for o in rng.sample(anywhere, min(TRIED, len(anywhere))) if not _overlap(o, evidence)]
    others = inside if inside and rng.random() < INSIDE else outside or inside
    if not others:
        return None
    return text[: chosen.start()] + rng.choice(others) + text[chosen.end() :]


def extended(claim: Claim, other: Claim, rng: random.Random) -> str | None:
    """The claim with what another one says beside it, before or after; None where both have one evidence."""
    if other.evidence == claim.evidence:
        return None
    parts = [claim.text.rstrip(" ."), other.text.rstrip(" .")]
    rng.shuffle(parts)
    return rng.choice(JOINTS).join(parts) + "."


def find_cues(claims: Sequence[Claim]) -> Cues:
    """Names and numbers of all evidence by their kind, in order."""
    found: dict[str, set[str]] = {}
    for evidence in {c.evidence for c in claims}:
        for match in _CUE.finditer(evidence):
            if match.start() > 0:
                found.setdefault(_kind(match[0]), set()).add(match[0])
    return {kind: sorted(cues) for kind, cues in found.items()}


def _copied(claim: Claim, cues: Cues, rng: random.Random) -> list[Claim]:
    """A sentence of the evidence as a claim, and the same with something exchanged."""
    sentences = [claim.evidence[a:b] for a, b in sentence_spans(claim.evidence)]
    fitting = [s for s in sentences if LEAST_WORDS <= len(s.split()) <= MOST_WORDS]
    if not fitting:
        return []
    sentence = rng.choice(fitting)
    copy = replace(claim, id=f"{claim.id}#copied", text=sentence, synthetic=True)
    return [copy, *_made(claim, "copied-exchanged", exchange(sentence, claim.evidence, cues, rng))]


def _made(claim: Claim, kind: str, text: str | None) -> list[Claim]:
    return [] if text is None else [_false(replace(claim, text=text), kind)]


def _false(claim: Claim, kind: str) -> Claim:
    return replace(claim, id=f"{claim.id}#{kind}", supported=False, label=kind, synthetic=True)


def _kind(cue: str) -> str:
    if cue[0].isdigit():
        return "year" if re.fullmatch(r"[12]\d{3}", cue) else "number"
    return f"name {min(3, len(cue.split()))}"


def _overlap(cue: str, text: str) -> bool:
    return cue.lower() in text.lower()
