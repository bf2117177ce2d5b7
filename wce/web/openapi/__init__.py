"""The description of the HTTP API: what each view takes and answers, put together with the URL map."""
