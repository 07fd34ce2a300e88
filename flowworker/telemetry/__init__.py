"""What the processes say about themselves.

log        structured log lines
rendering  how they look
metrics    all metrics, for Prometheus
"""
