"""`rag jobs`."""

import time
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from api.cli.common import AsJson, DataDir, note, print_json, print_table, running, shorten
from api.cli.exits import CommandError, ExitCode
from api.cli.progress import print_report, saying_how_to_go_on, showing, told_time

if TYPE_CHECKING:
    from collections.abc import Iterator

    from api.build import Application
    from api.schemas.jobs import JobView
    from store.job_documents import JobDocument
    from store.job_types import Wanted

app = typer.Typer(help="Ingestions: see how far they are, pause, resume, retry.", no_args_is_help=True)

JobId = Annotated[UUID, typer.Argument(metavar="ID", help="The job's id.")]

ROWS_AT_ONCE = 500
WATCH_INTERVAL_S = 1.0


@app.command("list")
def list_jobs(
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many at most.")] = 20,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """List jobs, the newest first."""
    from api.schemas.jobs import JobView
    from store import jobs

    with running(data_dir) as application, application.database.transaction() as session:
        views = [JobView.of(job) for job in jobs.page(session, after=None, limit=limit)]
    if as_json:
        print_json({"jobs": [view.model_dump(mode="json") for view in views]})
        return
    rows = [[str(view.id), view.status, view.corpus, _words(view), view.started_at] for view in views]
    print_table(["id", "status", "corpus", "documents", "started"], rows)


@app.command("show")
def show(job_id: JobId, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Show one job: how far it is, and what became of its documents."""
    with running(data_dir) as application:
        view = _view(application, job_id)
    if as_json:
        print_json(view)
        return
    fields = view.model_dump(mode="json", exclude={"documents"}) | {"documents": _words(view)}
    print_table(["field", "value"], [[name, shorten(str(value), 90)] for name, value in fields.items()])


@app.command("documents")
def list_documents(
    job_id: JobId,
    status: Annotated[str | None, typer.Option(help="Only these: failed, quarantined, done, …")] = None,
    kind: Annotated[
        str | None, typer.Option(help="Only those with such a problem or remark: scanned, malformed, …")
    ] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """List what became of a job's documents, in the order of their sources; as JSON, one line for each."""
    from api.schemas.jobs import JobDocumentView

    with running(data_dir) as application:
        for document in _documents(application, job_id, status, kind):
            if as_json:
                print_json(JobDocumentView.model_validate(document))
            else:
                line = f" line {document.line}" if document.line else ""
                reason = f"  {shorten(document.reason, 200)}" if document.reason else ""
                print(f"{document.status:12}  {document.source}{line}{reason}")


@app.command("resume")
def resume(job_id: JobId, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Go on with a job that was paused, interrupted or failed, here and now."""
    from api.audit import by_command
    from api.bulk import open_job

    with (
        running(data_dir) as application,
        saying_how_to_go_on(),
        showing(as_json) as progress,
        open_job(application, job_id) as run,
    ):
        with application.database.transaction() as session:
            by_command(session, "job.run", str(job_id))
        report = run.to_end(progress)
    if as_json:
        print_json(report.to_json())
    else:
        print_report(report)
    if report.documents.failed:
        raise typer.Exit(ExitCode.SOME_FAILED)


@app.command("pause")
def pause(job_id: JobId, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Let a job rest; the batch that is being worked on is finished first."""
    from store.job_types import Wanted

    _ask(job_id, Wanted.PAUSE, data_dir=data_dir, as_json=as_json)


@app.command("cancel")
def cancel(job_id: JobId, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """End a job for good; what it stored stays."""
    from store.job_types import Wanted

    _ask(job_id, Wanted.CANCEL, data_dir=data_dir, as_json=as_json)


@app.command("retry")
def retry(
    job_id: JobId,
    quarantined: Annotated[
        bool, typer.Option("--quarantined", help="Also what was put into quarantine.")
    ] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Queue again what failed in a job, and nothing else; a running server goes on with it, or `resume`."""
    from api.audit import by_command
    from ingest.jobs import retry as retry_documents

    with running(data_dir) as application:
        count = retry_documents(application.database, job_id, quarantined=quarantined)
        with application.database.transaction() as session:
            by_command(session, "job.retry", str(job_id), {"quarantined": quarantined})
        view = _view(application, job_id)
    if as_json:
        print_json({"queued": count, **view.model_dump(mode="json")})
    else:
        print(f"{count:,} are queued again. Go on with: rag jobs resume {job_id}")


@app.command("watch")
def watch(job_id: JobId, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Follow a job of any process until it ends or rests; as JSON, a line for each change."""
    from store.job_types import JobStatus

    before = None
    with running(data_dir) as application:
        while True:
            view = _view(application, job_id)
            if view != before:
                if as_json:
                    print_json(view)
                else:
                    note(f"{view.status:12} {view.share:4.0%}  {_rate(view)}")
            before = view
            if view.status not in (JobStatus.QUEUED, JobStatus.RUNNING):
                return
            time.sleep(WATCH_INTERVAL_S)


def _ask(job_id: UUID, wanted: "Wanted", *, data_dir: DataDir, as_json: bool) -> None:
    from api.audit import by_command
    from store import jobs

    with running(data_dir) as application:
        with application.database.transaction() as session:
            jobs.ask(session, job_id, wanted)
            by_command(session, f"job.{wanted}", str(job_id))
        view = _view(application, job_id)
    if as_json:
        print_json(view)
    elif view.wanted == wanted:
        print(f"Job {job_id} is asked to {wanted}; it does so when its batch is done.")
    else:
        print(f"Job {job_id} is {view.status}.")


def _view(application: "Application", job_id: UUID) -> "JobView":
    from api.schemas.jobs import JobView
    from store import jobs

    with application.database.transaction() as session:
        return JobView.of(jobs.get(session, job_id))


def _documents(
    application: "Application", job_id: UUID, status: str | None, kind: str | None
) -> "Iterator[JobDocument]":
    from ingest.readers import ProblemKind
    from store import job_documents, jobs
    from store.job_documents import DocumentOutcome

    if status is not None and status not in set(DocumentOutcome):
        raise CommandError(f"--status {status!r} is none. Take one of: {', '.join(DocumentOutcome)}")
    if kind is not None and kind not in set(ProblemKind):
        raise CommandError(f"--kind {kind!r} is none. Take one of: {', '.join(ProblemKind)}")
    outcome = None if status is None else DocumentOutcome(status)
    after = None
    with application.database.transaction() as session:
        jobs.get(session, job_id)
    while True:
        with application.database.transaction() as session:
            page = job_documents.page(
                session, job_id, after=after, limit=ROWS_AT_ONCE, outcome=outcome, kind=kind
            )
        yield from page
        if len(page) < ROWS_AT_ONCE:
            return
        after = (page[-1].source, page[-1].line)


def _words(view: "JobView") -> str:
    counts = [f"{count:,} {name}" for name, count in view.documents.items() if count]
    return ", ".join(counts) or "none yet"


def _rate(view: "JobView") -> str:
    words = [_words(view)]
    if view.documents_per_s:
        words.append(f"{view.documents_per_s:,.1f}/s")
    if view.seconds_left is not None:
        words.append(f"{told_time(view.seconds_left)} left")
    return ", ".join(words)
