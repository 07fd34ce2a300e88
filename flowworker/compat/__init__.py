"""The Go package's surface, over the engine's own stores and ports.

state        `StateStore`           checkpoints  what its words mean in the engine's records
locking      `Locker`, by leases    buses        `EventBus`, by the notifier
opening      a backend that is opened when it is needed
"""
