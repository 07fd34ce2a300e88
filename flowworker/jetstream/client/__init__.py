"""Talking to JetStream: one connection, requests and their answers, acknowledged publishing.

wire         short cuts through nats-py             requests   requests and their answers
connection   connecting, and staying connected      retrying   how often a request is repeated
options      where NATS is, and how to get in       publisher  acknowledged publishing
headers      header blocks as bytes                 api        JetStream's JSON API
subjects     on which subjects a stream has messages
permissions  what to do about a right that is missing
"""
