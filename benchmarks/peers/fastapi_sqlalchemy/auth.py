"""The caller: the user id of a verified access token."""

import os
from typing import Annotated

import jwt
from fastapi import Depends, HTTPException, Request

SECRET = os.environ["JWT_SECRET"]
CLAIMS = ["sub", "role", "type", "jti", "iat", "exp"]


# A coroutine, though it awaits nothing: a plain function would cost a trip through the threadpool.
async def user_id(request: Request) -> int:
    """The caller's id; 401 without a good access token."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise HTTPException(401, "an access token is needed", {"WWW-Authenticate": "Bearer"})
    try:
        claims = jwt.decode(token, SECRET, ["HS256"], options={"require": CLAIMS})
    except jwt.InvalidTokenError as error:
        raise HTTPException(401, "the token is not good", {"WWW-Authenticate": "Bearer"}) from error
    if claims["type"] != "access":
        raise HTTPException(401, "this is no access token", {"WWW-Authenticate": "Bearer"})
    return int(claims["sub"])


UserId = Annotated[int, Depends(user_id)]
