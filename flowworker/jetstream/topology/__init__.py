"""Which streams, buckets and consumers exist: described, created, checked, removed.

specs        streams, buckets and consumers as data     streams     creates or checks them
caretaker    creates again what was lost                namespaces  lists and removes them
"""
