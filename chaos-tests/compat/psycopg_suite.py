"""psycopg 3, sync and async: what ordinary programs do. It prints what it gets; the same is
expected of the database itself and of the way through the gateway."""

import asyncio
import decimal
import faulthandler
import logging

import psycopg

TABLE = "create temp table suite(id int primary key, name text, n numeric, d bytea, tags text[])"
ROWS = [(1, "Ann", decimal.Decimal("1.50"), b"\x00\xff", ["a", None]), (2, "Bob", None, b"", [])]


def say(what, value):
    print(f"{what}: {value!r}")


def statements(connection):
    with connection.cursor() as cursor:
        cursor.execute("select 1, 'two', null")
        say("simple", cursor.fetchall())
        cursor.execute(TABLE)
        cursor.executemany("insert into suite values (%s, %s, %s, %s, %s)", ROWS)
        say("inserted", cursor.rowcount)
        for number in range(8):
            cursor.execute("select name from suite where id = %s", (number % 3,), prepare=True)
            say("prepared", cursor.fetchall())
    for binary in (False, True):
        with connection.cursor(binary=binary) as cursor:
            cursor.execute("select * from suite order by id")
            say(f"rows, binary {binary}", cursor.fetchall())


def copies(connection):
    with connection.cursor() as cursor:
        with cursor.copy("copy suite(id, name) from stdin") as copy:
            for number in range(3, 1003):
                copy.write_row((number, f"name {number}"))
        cursor.execute("select count(*), sum(id) from suite")
        say("copied in", cursor.fetchone())
        with cursor.copy("copy (select id, name from suite order by id limit 3) to stdout") as copy:
            say("copied out", list(copy.rows()))
        binary = "copy (select id from suite where id < 3) to stdout (format binary)"
        with cursor.copy(binary) as copy:
            copy.set_types(["int4"])
            say("copied out in binary", sorted(copy.rows()))


def cursors_and_errors(connection):
    with connection.transaction():
        with connection.cursor("named") as cursor:
            cursor.itersize = 100
            cursor.execute("select id from suite order by id")
            say("server's cursor", sum(row[0] for row in cursor))
    try:
        with connection.transaction():
            connection.execute("insert into suite values (1, 'again')")
    except psycopg.errors.UniqueViolation as error:
        say("error", (error.sqlstate, error.diag.constraint_name))
    say("after it", connection.execute("select count(*) from suite").fetchone())
    with connection.pipeline():
        pending = [connection.execute("select %s::int * 2", (number,)) for number in range(20)]
        say("pipeline", [cursor.fetchone()[0] for cursor in pending])
    try:
        with connection.pipeline():
            connection.execute("select 1/0")
            connection.execute("select 1")
    except psycopg.Error as error:
        say("pipeline's error", error.sqlstate)
    say("usable", connection.execute("select 1").fetchone())


def notices(connection):
    said = []
    connection.add_notice_handler(lambda diagnostic: said.append(diagnostic.message_primary))
    connection.execute("do $$ begin raise notice 'said'; end $$")
    say("notices", said)
    heard = []
    connection.add_notify_handler(lambda heard_of: heard.append(heard_of.payload))
    connection.execute("listen suite")
    connection.execute("select pg_notify('suite', 'payload')")
    connection.execute("select 1")
    say("notified", heard)


async def in_async():
    async with await psycopg.AsyncConnection.connect("", autocommit=True) as connection:
        async with connection.cursor() as cursor:
            await cursor.execute("select generate_series(1, %s)", (5,))
            say("async", [row[0] async for row in cursor])
            asked = "copy (select 'x' from generate_series(1, 1000)) to stdout"
            async with cursor.copy(asked) as copy:
                count = 0
                async for _ in copy:
                    count += 1
                say("async copy", count > 0)
        async with connection.transaction():
            await connection.execute("select 1")
        say("async status", connection.info.transaction_status.name)


def main():
    # One that waits for ever says where, before whoever runs it gives up.
    faulthandler.dump_traceback_later(240, exit=True)
    # An error that comes before its pipeline ends is raised there, and psycopg warns that what
    # stands behind it is left out: which of the two it is, is a matter of time.
    logging.getLogger("psycopg").setLevel(logging.ERROR)
    with psycopg.connect("", autocommit=True) as connection:
        say("encoding", connection.info.encoding)
        for suite in (statements, copies, cursors_and_errors, notices):
            suite(connection)
    asyncio.run(in_async())
    print("done")


main()
