"""What the processes say about themselves.

log        structured log lines
context    which attempt they are about
rendering  how they look
metrics    all metrics, for Prometheus
"""
