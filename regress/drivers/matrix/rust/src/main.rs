// The matrix by tokio-postgres, which pipelines what is asked at once: see ../README.md.

use futures_util::{future, pin_mut, SinkExt, StreamExt, TryStreamExt};
use std::env;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_postgres::{AsyncMessage, Client, Error, NoTls};

fn code(e: Error) -> String {
    e.code().map_or(e.to_string(), |c| c.code().to_string())
}

async fn text(c: &Client, text: &str) -> String {
    c.query_one(text, &[]).await.unwrap().get(0)
}

async fn work(who: i32) -> Vec<String> {
    let mut lines = Vec::new();
    let mut say = |step: &str, results: String| lines.push(format!("{:02} {}: {}", who, step, results));
    let config = format!(
        "host={} port={} user={} dbname={}",
        env::var("PGHOST").unwrap(), env::var("PGPORT").unwrap(), env::var("PGUSER").unwrap(), env::var("PGDATABASE").unwrap()
    );
    let (mut c, mut connection) = tokio_postgres::connect(&config, NoTls).await.unwrap();
    let (heard, mut hears) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut messages = futures_util::stream::poll_fn(move |cx| connection.poll_message(cx));
        while let Some(Ok(message)) = messages.next().await {
            if let AsyncMessage::Notification(n) = message {
                let _ = heard.send(n);
            }
        }
    });

    let plus = c.prepare("select $1::int + $2::int").await.unwrap();
    let mut sums: Vec<i32> = Vec::new();
    for n in 0..3 {
        sums.push(c.query_one(&plus, &[&who, &n]).await.unwrap().get(0));
    }
    say("prepared", format!("{:?}", sums));
    let piped = future::join3(c.query_one(&plus, &[&who, &7]), c.query("select 1 / 0", &[]), c.query_one(&plus, &[&who, &8])).await;
    say("pipeline", format!("{} {} {}", piped.0.unwrap().get::<_, i32>(0), code(piped.1.unwrap_err()), piped.2.unwrap().get::<_, i32>(0)));

    let mut t = c.transaction().await.unwrap();
    t.execute("insert into ledger values ($1, 'kept')", &[&who]).await.unwrap();
    let inner = t.transaction().await.unwrap();
    let failed = code(inner.query("select 1 / 0", &[]).await.unwrap_err());
    inner.rollback().await.unwrap();
    t.execute("insert into ledger values ($1, 'kept')", &[&who]).await.unwrap();
    t.commit().await.unwrap();
    let t = c.transaction().await.unwrap();
    t.execute("insert into ledger values ($1, 'gone')", &[&who]).await.unwrap();
    t.rollback().await.unwrap();
    let kept: i64 = c.query_one("select count(*) from ledger where who = $1", &[&who]).await.unwrap().get(0);
    say("transaction", format!("{} {}", failed, kept));

    c.batch_execute(&format!("set app.tag = 'tag {who}'; set timezone = 'Etc/GMT+{who}'")).await.unwrap();
    c.batch_execute("create temporary table scratch (v int)").await.unwrap();
    c.execute("insert into scratch values ($1), ($1)", &[&who]).await.unwrap();
    let sum: i64 = c.query_one("select sum(v) from scratch", &[]).await.unwrap().get(0);
    say("temporary", sum.to_string());
    c.batch_execute("drop table scratch").await.unwrap();
    let key = 4200 + i64::from(who);
    let taken: bool = c.query_one("select pg_try_advisory_lock($1)", &[&key]).await.unwrap().get(0);
    let given: bool = c.query_one("select pg_advisory_unlock($1)", &[&key]).await.unwrap().get(0);
    say("advisory", format!("{} {}", taken, given));

    c.batch_execute(&format!("listen channel_{who}")).await.unwrap();
    c.batch_execute(&format!("notify channel_{who}, 'hello {who}'")).await.unwrap();
    let note = tokio::time::timeout(Duration::from_secs(10), hears.recv()).await.unwrap().unwrap();
    say("listen", note.payload().to_string());
    c.batch_execute(&format!("unlisten channel_{who}")).await.unwrap();

    let sink = c.copy_in("copy ledger from stdin").await.unwrap();
    pin_mut!(sink);
    for _ in 0..100 {
        sink.send(std::io::Cursor::new(format!("{who}\tcopied\n").into_bytes())).await.unwrap();
    }
    let copied = sink.finish().await.unwrap();
    let out = c.copy_out(&format!("copy (select * from ledger where who = {who} and what = 'copied') to stdout")).await.unwrap();
    let out: Vec<_> = out.try_collect().await.unwrap();
    say("copy", format!("{} {}", copied, out.len()));

    let token = c.cancel_token();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(200)).await;
        token.cancel_query(NoTls).await.unwrap();
    });
    let cancelled = code(c.batch_execute("select pg_sleep(30)").await.unwrap_err());
    say("cancel", format!("{} {}", cancelled, c.query_one("select 1", &[]).await.unwrap().get::<_, i32>(0)));

    let rows = c.query("select repeat('x', 100) from generate_series(1, 20000)", &[]).await.unwrap();
    say("large", format!("{} {}", rows.len(), rows.iter().map(|r| r.get::<_, &str>(0).len()).sum::<usize>()));
    say("settings", format!("{} {}", text(&c, "show app.tag").await, text(&c, "show timezone").await));
    let again: i32 = c.query_one(&plus, &[&who, &100]).await.unwrap().get(0);
    say("prepared again", again.to_string());
    lines
}

#[tokio::main]
async fn main() {
    let count: i32 = env::args().nth(1).unwrap().parse().unwrap();
    let done = future::join_all((0..count).map(|who| tokio::spawn(work(who)))).await;
    let mut lines: Vec<String> = done.into_iter().flat_map(|d| d.unwrap()).collect();
    lines.sort();
    println!("{}", lines.join("\n"));
}
