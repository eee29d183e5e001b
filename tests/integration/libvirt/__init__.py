"""Nova's LibvirtDriver on three hypervisors: guests that really migrate."""
