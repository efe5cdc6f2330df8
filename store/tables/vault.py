"""What pseudonyms stand for, and who opened it."""

from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, desc
from sqlalchemy.orm import Mapped, mapped_column

from store.tables.base import Base, BigId, BytewiseText, CreatedAt


class VaultRow(Base):
    """What a pseudonym of a corpus stands for, encrypted."""

    __tablename__ = "vault"
    __table_args__ = (Index(None, "pseudonym"),)

    corpus_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("corpora.id", ondelete="CASCADE"), primary_key=True
    )
    pseudonym: Mapped[BytewiseText] = mapped_column(primary_key=True)
    kind: Mapped[str]
    ciphertext: Mapped[bytes] = mapped_column(LargeBinary)
    key_id: Mapped[str]
    created_at: Mapped[CreatedAt]


class VaultOpeningRow(Base):
    """That somebody wanted to know what a pseudonym stands for; the user's name stays when the user goes."""

    __tablename__ = "vault_openings"
    __table_args__ = (Index("ix_vault_openings_newest", desc("opened_at"), desc("id")),)

    id: Mapped[BigId]
    pseudonym: Mapped[str]
    user_name: Mapped[str]
    found: Mapped[bool]
    opened_at: Mapped[CreatedAt]
