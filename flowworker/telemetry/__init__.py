"""What the processes say about themselves.

log      structured log lines
metrics  all metrics, for Prometheus
"""
