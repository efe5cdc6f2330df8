"""The tables of the database; importing this package registers all of them on `Base.metadata`."""

from store.tables.access import (
    DocumentReaderRow,
    GrantRow,
    GroupRow,
    IdempotentRequestRow,
    KeyRow,
    MemberRow,
    UserRow,
)
from store.tables.audit import AuditRow
from store.tables.base import Base, among, array_text
from store.tables.conversations import (
    FeedbackRow,
    ResponseCitationRow,
    ResponseHitRow,
    ResponseRow,
    SessionRow,
)
from store.tables.corpora import CorpusRow
from store.tables.documents import (
    ChunkRow,
    DocumentRow,
    DocumentVersionRow,
    IndexLogRow,
    ParagraphRow,
    SignatureRow,
)
from store.tables.jobs import JobDocumentRow, JobRow, JobUploadRow
from store.tables.limits import AllowanceRow
from store.tables.logins import FailureRow, LoginRow, PasswordRow
from store.tables.queues import (
    QueueDefinitionRow,
    QueueItemRow,
    QueueReviewerRow,
    QueueReviewRow,
    QueueRow,
)
from store.tables.reviews import CorrectionRow, ScoreDefinitionRow, ScoreRow
from store.tables.sealing import DataKeyRow
from store.tables.vault import VaultOpeningRow, VaultRow

__all__ = [
    "AllowanceRow",
    "AuditRow",
    "Base",
    "ChunkRow",
    "CorpusRow",
    "CorrectionRow",
    "DataKeyRow",
    "DocumentReaderRow",
    "DocumentRow",
    "DocumentVersionRow",
    "FailureRow",
    "FeedbackRow",
    "GrantRow",
    "GroupRow",
    "IdempotentRequestRow",
    "IndexLogRow",
    "JobDocumentRow",
    "JobRow",
    "JobUploadRow",
    "KeyRow",
    "LoginRow",
    "MemberRow",
    "ParagraphRow",
    "PasswordRow",
    "QueueDefinitionRow",
    "QueueItemRow",
    "QueueReviewRow",
    "QueueReviewerRow",
    "QueueRow",
    "ResponseCitationRow",
    "ResponseHitRow",
    "ResponseRow",
    "ScoreDefinitionRow",
    "ScoreRow",
    "SessionRow",
    "SignatureRow",
    "UserRow",
    "VaultOpeningRow",
    "VaultRow",
    "among",
    "array_text",
]
