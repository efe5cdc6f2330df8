#!/bin/sh
# From nothing to grounded answers: the standard library's documentation strings and this project's docs.
set -eu
rag=$1
"$rag" migrate
"$rag" ingest pydoc:stdlib docs README.md --corpus python --prune
"$rag" ask --corpus python \
    "What does functools.lru_cache do?" \
    "Which exception is raised when a subprocess times out?" \
    "Where does Groundwork keep the text of documents?"
cat <<END

That was asked from the command line. To serve the same corpus over HTTP:

    export RAG_DATA_DIR=$RAG_DATA_DIR
    $rag keys create --role reader --user me
    $rag serve

END
