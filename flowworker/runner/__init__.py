"""The in-process runner: a coordinator and a worker in one, under the Go package's method names.

runner    `Runner`
engine    a coordinator, a worker and a client on one backend
resuming  an execution that was interrupted, made ready to go on
relay     events published on a bus of the user's as well
scope     `with_runner`: the context functions outside of handlers
backends  stores, lockers and buses on memory, NATS and Redis
"""
