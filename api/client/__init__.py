"""A Python client of the HTTP API, for programs that wait and for those with an event loop.

    with Client("http://127.0.0.1:8000", key) as client:
        answer = client.send(calls.ask(AskBody(question="How long is leave?", corpus="handbook")))
        for document in client.each(calls.list_documents("handbook")):
            print(document.source)

`calls` has a function for each route, under the route's name; its shapes are the server's own. The routes of
OpenAI's clients are in `compatible_calls`, those for looking after corpora in `upkeep_calls`,
those of scores, corrections and queues in `review_calls`, those of users, groups and access lists in
`access_calls`.
"""

from api.client import access_calls, calls, compatible_calls, review_calls, upkeep_calls
from api.client.client import AsyncClient, Client
from api.client.problem import ProblemError

__all__ = [
    "AsyncClient",
    "Client",
    "ProblemError",
    "access_calls",
    "calls",
    "compatible_calls",
    "review_calls",
    "upkeep_calls",
]
