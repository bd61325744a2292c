"""How the store came to look as it does: one revision a file in versions/, applied by `gateway.store.migrate`."""
