"""The careless app that WCE is held against: JWT, session row and the same SQL, and nothing that protects anybody."""

from __future__ import annotations

import os
import sqlite3
import threading

import bcrypt
import jwt
from flask import Flask, Response, jsonify, request

SECRET = "floor-" * 8
local = threading.local()


def database() -> sqlite3.Connection:
    connection = getattr(local, "connection", None)
    if connection is None:
        connection = local.connection = sqlite3.connect(os.environ["FLOOR_DATABASE"], isolation_level=None)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA busy_timeout=10000")
    return connection


def signed_in() -> tuple[int, str]:
    token = request.headers["Authorization"].removeprefix("Bearer ")
    claims = jwt.decode(token, SECRET, algorithms=["HS256"])
    row = (
        database()
        .execute("SELECT user_id, username FROM sessions JOIN users USING (user_id) WHERE session_id = ?", (claims["jti"],))
        .fetchone()
    )
    if row is None:
        raise PermissionError
    return row


def create_app() -> Flask:
    app = Flask(__name__)

    @app.get("/plain")
    def plain() -> Response:
        return Response("<!doctype html><title>plain</title><p>Hello", mimetype="text/html")

    @app.get("/me")
    def me() -> Response:
        user_id, username = signed_in()
        return jsonify(user_id=user_id, username=username)

    @app.post("/login")
    def login() -> Response:
        body = request.get_json()
        row = database().execute("SELECT user_id, password_hash FROM users WHERE username = ?", (body["username"],)).fetchone()
        if row is None or not bcrypt.checkpw(body["password"].encode(), row[1].encode()):
            raise PermissionError
        session_id = os.urandom(16).hex()
        database().execute("INSERT INTO sessions VALUES (?, ?)", (session_id, row[0]))
        return jsonify(token=jwt.encode({"sub": str(row[0]), "jti": session_id}, SECRET, "HS256"))

    @app.post("/query")
    def query() -> Response:
        signed_in()
        body = request.get_json()
        cursor = database().execute(body["sql"], body.get("params", ()))
        columns = [column[0] for column in cursor.description or ()]
        return jsonify(columns=columns, rows=[dict(zip(columns, row, strict=True)) for row in cursor], changes=cursor.rowcount)

    return app
