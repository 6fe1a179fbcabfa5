"""The exemplary model server: one process serves one model, and every promise it makes can be checked over HTTP.

`python -m reference_service --model breast-cancer --port 8000` trains the models on first start and serves. Inside,
`components.build_components(settings)` makes separately replaceable parts and `app.create_app(components)` wires them.
"""
