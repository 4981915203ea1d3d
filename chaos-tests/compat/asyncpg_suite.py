"""asyncpg: what ordinary programs do, all of it prepared and in binary."""

import asyncio
import io
import os

import asyncpg


def say(what, value):
    print(f"{what}: {value!r}")


async def connect():
    return await asyncpg.connect(ssl=False if os.environ.get("PGSSLMODE") == "disable" else None)


async def statements(connection):
    say("fetch", [tuple(row) for row in await connection.fetch("select 1, 'two', null::int")])
    await connection.execute(
        "create temp table suite(id int, name text, j jsonb, tags text[], at timestamptz)"
    )
    rows = [(number, f"name {number}", '{"a": 1}', ["x", None]) for number in range(100)]
    await connection.executemany("insert into suite values ($1, $2, $3, $4, now())", rows)
    row = await connection.fetchrow("select id, name, j, tags from suite where id = $1", 7)
    say("row", tuple(row))
    statement = await connection.prepare("select count(*) from suite where id < $1")
    say("prepared", [await statement.fetchval(limit) for limit in (0, 10, 1000)])
    say("attributes", [attribute.type.name for attribute in statement.get_attributes()])


async def the_rest(connection):
    async with connection.transaction():
        total = 0
        async for row in connection.cursor("select id from suite order by id", prefetch=7):
            total += row["id"]
        say("cursor", total)
    say("copied in", await connection.copy_records_to_table(
        "suite", records=[(1000, "x", None, None, None)]))
    out = io.BytesIO()
    said = await connection.copy_from_query("select id from suite where id > 98", output=out)
    say("copied out", (said, out.getvalue()))
    try:
        async with connection.transaction():
            await connection.execute("select 1/0")
    except asyncpg.DivisionByZeroError as error:
        say("error", error.sqlstate)
    say("usable", await connection.fetchval("select 1"))
    heard = asyncio.get_running_loop().create_future()
    await connection.add_listener("suite", lambda *said: heard.set_result(said[2:]))
    await connection.execute("select pg_notify('suite', 'payload')")
    say("notified", await asyncio.wait_for(heard, 10))
    await connection.reset()
    say("after reset", await connection.fetchval("select 2"))


async def main():
    connection = await connect()
    await statements(connection)
    await the_rest(connection)
    await connection.close()
    print("done")


asyncio.run(main())
