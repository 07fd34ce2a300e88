# What users write to add an App of theirs: docs/how-to/deploy.md.
ARG BASE=flowworker:latest
FROM ${BASE}
COPY hello /app/hello
