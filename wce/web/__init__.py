"""HTTP: the only folder that knows Flask. `factory.create_app` builds everything; importing this package does nothing."""
