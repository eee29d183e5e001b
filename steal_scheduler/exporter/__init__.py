"""``steal-exporter``: what servers wait for, told by their hypervisor."""
