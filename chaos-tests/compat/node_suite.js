// node-postgres: what ordinary programs do.
const { Client } = require('pg')

const say = (what, value) => console.log(`${what}: ${JSON.stringify(value)}`)

async function main() {
  const client = new Client({ ssl: false })
  await client.connect()
  say('simple', (await client.query("select 1 a, 'two' b, null c")).rows)
  say('several', (await client.query('select 1 a; select 2 a')).map((one) => one.rows))
  await client.query('create temp table suite(id int primary key, name text, at timestamptz)')
  for (let id = 0; id < 5; id++) {
    const text = 'insert into suite values ($1, $2, now()) returning id'
    say('insert', (await client.query({ name: 'insert', text, values: [id, `name ${id}`] })).rows)
  }
  say('array', (await client.query({ text: 'select id, name from suite where id = any($1)',
    values: [[1, 3]], rowMode: 'array' })).rows)
  say('binary', (await client.query({ text: 'select id from suite order by id', values: [],
    binary: true })).rowCount)
  const error = await client.query('insert into suite values (1)').catch((error) => error)
  say('error', [error.code, error.constraint])
  await client.query('begin')
  const failed = await client.query('select 1/0').catch((error) => error.code)
  const after = await client.query('select 1').catch((error) => error.code)
  await client.query('rollback')
  say('transaction', [failed, after])
  const heard = new Promise((resolve) => client.once('notification', resolve))
  await client.query('listen suite')
  await client.query("select pg_notify('suite', 'payload')")
  const { channel, payload } = await heard
  say('notified', [channel, payload])
  const numbers = [...Array(50).keys()]
  const many = await Promise.all(numbers.map((n) => client.query('select $1::int n', [n])))
  say('many', many.map((one) => one.rows[0].n))
  await client.end()
  console.log('done')
}

main().catch((error) => { console.error(error); process.exit(1) })
