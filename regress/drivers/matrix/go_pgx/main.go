// The matrix by pgx, which prepares every statement and pipelines batches: see ../README.md.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"sort"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgconn"
	"github.com/jackc/pgx/v4"
)

var (
	ctx   = context.Background()
	mutex sync.Mutex
	lines []string
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func code(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return fmt.Sprint(err)
}

func work(who int) {
	say := func(step string, results ...any) {
		mutex.Lock()
		defer mutex.Unlock()
		lines = append(lines, fmt.Sprintf("%02d %s: %s", who, step, fmt.Sprint(results...)))
	}
	c := must(pgx.Connect(ctx, ""))
	defer c.Close(ctx)
	number := func(text string, values ...any) (v int) {
		must(0, c.QueryRow(ctx, text, values...).Scan(&v))
		return
	}
	text := func(text string, values ...any) (v string) {
		must(0, c.QueryRow(ctx, text, values...).Scan(&v))
		return
	}
	do := func(text string, values ...any) { must(c.Exec(ctx, text, values...)) }
	sum := func(n int) int { return number("select $1::int + $2::int", who, n) }
	say("prepared", sum(0), sum(1), sum(2))

	batch := &pgx.Batch{}
	batch.Queue("select 1")
	batch.Queue("select 1 / 0")
	batch.Queue("insert into ledger values (-1, 'never')")
	results := c.SendBatch(ctx, batch)
	var v int
	first, second := results.QueryRow().Scan(&v), results.QueryRow().Scan(&v)
	results.Close()
	say("batch", first, code(second), number("select count(*) from ledger where who = -1"))

	tx := must(c.Begin(ctx))
	must(tx.Exec(ctx, "insert into ledger values ($1, 'kept')", who))
	inner := must(tx.Begin(ctx))
	_, err := inner.Exec(ctx, "select 1 / 0")
	must(0, inner.Rollback(ctx))
	must(tx.Exec(ctx, "insert into ledger values ($1, 'kept')", who))
	must(0, tx.Commit(ctx))
	tx = must(c.Begin(ctx))
	must(tx.Exec(ctx, "insert into ledger values ($1, 'gone')", who))
	must(0, tx.Rollback(ctx))
	say("transaction", code(err), number("select count(*) from ledger where who = $1", who))

	do(fmt.Sprintf("set app.tag = 'tag %d'", who))
	do(fmt.Sprintf("set timezone = 'Etc/GMT+%d'", who))
	do("create temporary table scratch (v int)")
	do("insert into scratch values ($1), ($1)", who)
	say("temporary", number("select sum(v) from scratch"))
	do("drop table scratch")
	var taken, given bool
	must(0, c.QueryRow(ctx, "select pg_try_advisory_lock($1)", 4200+who).Scan(&taken))
	must(0, c.QueryRow(ctx, "select pg_advisory_unlock($1)", 4200+who).Scan(&given))
	say("advisory", taken, given)

	channel := fmt.Sprintf("channel_%d", who)
	do("listen " + channel)
	do("select pg_notify($1, $2)", channel, fmt.Sprint("hello ", who))
	soon, cancel := context.WithTimeout(ctx, 20*time.Second)
	note := must(c.WaitForNotification(soon))
	cancel()
	say("listen", note.Payload, note.PID == c.PgConn().PID())
	do("unlisten " + channel)

	rows := make([][]any, 100)
	for i := range rows {
		rows[i] = []any{int32(who), "copied"}
	}
	must(c.CopyFrom(ctx, pgx.Identifier{"ledger"}, []string{"who", "what"}, pgx.CopyFromRows(rows)))
	var out bytes.Buffer
	must(c.PgConn().CopyTo(ctx, &out, fmt.Sprintf("copy (select * from ledger where who = %d and what = 'copied') to stdout", who)))
	say("copy", bytes.Count(out.Bytes(), []byte("\n")))

	other := must(pgx.Connect(ctx, ""))
	go func() { time.Sleep(200 * time.Millisecond); other.PgConn().CancelRequest(ctx) }()
	_, err = other.Exec(ctx, "select pg_sleep(30)")
	must(0, other.QueryRow(ctx, "select 1").Scan(&v))
	other.Close(ctx)
	say("cancel", code(err), v)

	count, length := 0, 0
	all := must(c.Query(ctx, "select repeat('x', 100) from generate_series(1, 20000)"))
	for all.Next() {
		var t string
		must(0, all.Scan(&t))
		count, length = count+1, length+len(t)
	}
	must(0, all.Err())
	say("large", count, length)
	say("settings", text("show app.tag"), text("show timezone"))
	say("prepared again", sum(100))
}

func main() {
	count := must(strconv.Atoi(os.Args[1]))
	var all sync.WaitGroup
	for who := 0; who < count; who++ {
		all.Add(1)
		go func(who int) { defer all.Done(); work(who) }(who)
	}
	all.Wait()
	sort.Strings(lines)
	for _, line := range lines {
		fmt.Println(line)
	}
}
