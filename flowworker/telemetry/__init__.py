"""What the processes say about themselves.

log        structured log lines
context    which attempt they are about
rendering  how they look
tracing    what is reported to who traces; nothing, where nobody does
otel       spans of OpenTelemetry (extra)
span_contexts  their ids and links
conventions  the names of their attributes
exporting  whether and where this process exports them
metrics    all metrics, for Prometheus
labels     how many series they may have
measuring  what has to be asked for
"""
