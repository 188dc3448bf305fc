"""All mutants."""

from tests.mutations.lua_mutants import LUA_MUTANTS
from tests.mutations.mutant import Mutant
from tests.mutations.other_mutants import OTHER_MUTANTS
from tests.mutations.sql_mutants import SQL_MUTANTS

MUTANTS: list[Mutant] = [*SQL_MUTANTS, *LUA_MUTANTS, *OTHER_MUTANTS]
