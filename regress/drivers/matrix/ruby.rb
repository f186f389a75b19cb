# The matrix by ruby-pg, with a thread for each connection: see README.md.
require "pg"

LINES = Queue.new

def work(who)
  say = ->(step, *results) { LINES << format("%02d %s: %s", who, step, results.join(" ")) }
  c = PG.connect
  one = ->(text, *values) { c.exec_params(text, values).getvalue(0, 0) }
  failing = ->(text) { begin; c.exec(text); rescue PG::Error => e; e.result.error_field(PG::PG_DIAG_SQLSTATE); end }

  c.prepare("plus", "select $1::int + $2::int")
  sum = ->(n) { c.exec_prepared("plus", [who, n]).getvalue(0, 0) }
  say.("prepared", sum.(0), sum.(1), sum.(2))

  code = nil
  c.transaction do
    c.exec_params("insert into ledger values ($1, 'kept')", [who])
    c.exec("savepoint here")
    code = failing.("select 1 / 0")
    c.exec("rollback to here")
    c.exec_params("insert into ledger values ($1, 'kept')", [who])
  end
  c.transaction { c.exec_params("insert into ledger values ($1, 'gone')", [who]); raise PG::RollbackTransaction } rescue nil
  say.("transaction", code, one.("select count(*) from ledger where who = $1", who))

  c.exec("set app.tag = 'tag #{who}'; set timezone = 'Etc/GMT+#{who}'")
  c.exec("create temporary table scratch (v int)")
  c.exec_params("insert into scratch values ($1), ($1)", [who])
  say.("temporary", one.("select sum(v) from scratch"))
  c.exec("drop table scratch")

  taken = one.("select pg_try_advisory_lock($1)", 4200 + who)
  say.("advisory", taken, one.("select pg_advisory_unlock($1)", 4200 + who))

  c.exec("listen channel_#{who}")
  c.exec("notify channel_#{who}, 'hello #{who}'")
  c.wait_for_notify(10) { |_, pid, payload| say.("listen", payload, pid == c.backend_pid) }
  c.exec("unlisten *")

  c.copy_data("copy ledger from stdin") { 100.times { c.put_copy_data("#{who}\tcopied\n") } }
  rows = 0
  c.copy_data("copy (select * from ledger where who = #{who} and what = 'copied') to stdout") { rows += 1 while c.get_copy_data }
  say.("copy", rows)

  Thread.new { sleep 0.2; c.cancel }
  say.("cancel", failing.("select pg_sleep(30)"), one.("select 1"))

  all = c.exec("select repeat('x', 100) from generate_series(1, 20000)").column_values(0)
  say.("large", all.size, all.sum(&:size))
  say.("settings", one.("show app.tag"), one.("show timezone"))
  say.("prepared again", sum.(100))
  c.close
end

Thread.abort_on_exception = true
Integer(ARGV[0]).times.map { |who| Thread.new { work(who) } }.each(&:join)
puts Array.new(LINES.size) { LINES.pop }.sort
