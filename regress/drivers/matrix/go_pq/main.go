// The matrix by lib/pq through database/sql, whose pool has a connection for each: see ../README.md.
package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"sort"
	"strconv"
	"sync"
	"time"

	"github.com/lib/pq"
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
	var e *pq.Error
	if errors.As(err, &e) {
		return string(e.Code)
	}
	return fmt.Sprint(err)
}

func work(db *sql.DB, who int) {
	say := func(step string, results ...any) {
		mutex.Lock()
		defer mutex.Unlock()
		lines = append(lines, fmt.Sprintf("%02d %s: %s", who, step, fmt.Sprint(results...)))
	}
	c := must(db.Conn(ctx))
	defer c.Close()
	one := func(text string, values ...any) (v string) {
		if err := c.QueryRowContext(ctx, text, values...).Scan(&v); err != nil {
			panic(err)
		}
		return
	}
	do := func(text string, values ...any) { must(c.ExecContext(ctx, text, values...)) }

	plus := must(c.PrepareContext(ctx, "select $1::int + $2::int"))
	sum := func(n int) (v int) {
		if err := plus.QueryRowContext(ctx, who, n).Scan(&v); err != nil {
			panic(err)
		}
		return
	}
	say("prepared", sum(0), sum(1), sum(2))

	tx := must(c.BeginTx(ctx, nil))
	must(tx.Exec("insert into ledger values ($1, 'kept')", who))
	must(tx.Exec("savepoint here"))
	_, err := tx.Exec("select 1 / 0")
	must(tx.Exec("rollback to here"))
	must(tx.Exec("insert into ledger values ($1, 'kept')", who))
	must(0, tx.Commit())
	tx = must(c.BeginTx(ctx, nil))
	must(tx.Exec("insert into ledger values ($1, 'gone')", who))
	must(0, tx.Rollback())
	say("transaction", code(err), " ", one("select count(*) from ledger where who = $1", who))

	do(fmt.Sprintf("set app.tag = 'tag %d'; set timezone = 'Etc/GMT+%d'", who, who))
	do("create temporary table scratch (v int)")
	do("insert into scratch values ($1), ($1)", who)
	say("temporary", one("select sum(v) from scratch"))
	do("drop table scratch")
	say("advisory", one("select pg_try_advisory_lock($1)", 4200+who), one("select pg_advisory_unlock($1)", 4200+who))

	tx = must(c.BeginTx(ctx, nil))
	in := must(tx.Prepare(pq.CopyIn("ledger", "who", "what")))
	for i := 0; i < 100; i++ {
		must(in.Exec(who, "copied"))
	}
	must(in.Exec())
	must(0, in.Close())
	must(0, tx.Commit())
	say("copy", one("select count(*) from ledger where who = $1 and what = 'copied'", who))

	soon, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
	_, err = db.ExecContext(soon, "select pg_sleep(30)")
	cancel()
	say("cancel", code(err))

	rows, bytes := 0, 0
	all := must(c.QueryContext(ctx, "select repeat('x', 100) from generate_series(1, 20000)"))
	for all.Next() {
		var text string
		must(0, all.Scan(&text))
		rows, bytes = rows+1, bytes+len(text)
	}
	must(0, all.Err())
	say("large", rows, " ", bytes)
	say("settings", one("show app.tag"), one("show timezone"))
	say("prepared again", sum(100))
}

func listen(who int) {
	l := pq.NewListener("", time.Second, time.Second, nil)
	defer l.Close()
	channel := fmt.Sprintf("channel_%d", who)
	must(0, l.Listen(channel))
	db := must(sql.Open("postgres", ""))
	defer db.Close()
	must(db.Exec("select pg_notify($1, $2)", channel, fmt.Sprint("hello ", who)))
	select {
	case n := <-l.Notify:
		mutex.Lock()
		lines = append(lines, fmt.Sprintf("%02d listen: %s", who, n.Extra))
		mutex.Unlock()
	case <-time.After(20 * time.Second):
		panic("no notification")
	}
}

func main() {
	count := must(strconv.Atoi(os.Args[1]))
	db := must(sql.Open("postgres", ""))
	db.SetMaxOpenConns(2 * count)
	var all sync.WaitGroup
	for who := 0; who < count; who++ {
		all.Add(1)
		go func(who int) { defer all.Done(); work(db, who); listen(who) }(who)
	}
	all.Wait()
	sort.Strings(lines)
	for _, line := range lines {
		fmt.Println(line)
	}
}
