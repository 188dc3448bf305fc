"""What a browser keeps between two requests, in cookies: the login session, the secret of forms, and mailed tokens."""
