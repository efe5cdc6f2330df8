FROM python:3.12-slim

# The CPU build of PyTorch: the default one brings several gigabytes of CUDA libraries.
WORKDIR /app
COPY requirements.lock pyproject.toml README.md alembic.ini ./
COPY api api
COPY ingest ingest
COPY migrations migrations
COPY rag rag
COPY store store
RUN pip install --no-cache-dir torch==2.13.0 --index-url https://download.pytorch.org/whl/cpu \
    && pip install --no-cache-dir --constraint requirements.lock --editable '.[cpu]' \
    && useradd --create-home groundwork && mkdir /data && chown groundwork /data
USER groundwork
ENV RAG_DATA_DIR=/data RAG_HOST=0.0.0.0
EXPOSE 8000
CMD ["sh", "-c", "rag migrate && exec rag serve"]
