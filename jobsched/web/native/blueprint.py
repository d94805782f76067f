"""The blueprint on which every native route stands."""

from flask import Blueprint

native = Blueprint("native", __name__)
