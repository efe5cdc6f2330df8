#!/bin/sh
# From nothing to grounded answers: the standard library's documentation strings and this project's docs.
set -eu
rag=$1
"$rag" ingest pydoc:stdlib docs/*.md README.md --corpus python --prune
"$rag" ask --corpus python \
    "What does textwrap.dedent remove?" \
    "Where does Groundwork keep the text of documents?" \
    "Who won the football world cup in 2018?"
key_file=$RAG_DATA_DIR/demo.key
if [ ! -s "$key_file" ]; then
    umask 077
    "$rag" keys create --role reader --user demo --json | sed 's/.*"key": *"\([^"]*\)".*/\1/' > "$key_file"
fi
cat <<END

That was asked from the command line. To ask the same corpus over HTTP, start the server:

    RAG_DATA_DIR=$RAG_DATA_DIR $rag serve

and ask from another terminal, with the reader's key that was made for you in $key_file:

    curl http://127.0.0.1:8000/v1/ask -H "Authorization: Bearer \$(cat $key_file)" \\
         -H "Content-Type: application/json" \\
         -d '{"question": "What does textwrap.dedent remove?", "corpus": "python"}'

END
